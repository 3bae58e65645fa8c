# syntax=docker/dockerfile:1
# The image of the released binary: config/packages/release.sh builds it and puts this file beside it.
#   config/packages/release.sh dist && docker build -t eider dist
#   docker run --rm -v eider:/var/lib/eider eider keys create --name first --verbs admin
#   docker run -p 8080:8080 -v eider:/var/lib/eider --memory 2g eider

FROM debian:bookworm-slim AS directory
RUN mkdir /data

# The C library of Debian 12, and nothing that could be run.
FROM gcr.io/distroless/base-debian12:nonroot
COPY eider /usr/local/bin/eider
COPY THIRD_PARTY_LICENSES.html /usr/share/doc/eider/
COPY --from=directory --chown=nonroot:nonroot /data /var/lib/eider
# `docker stop` kills after ten seconds unless --stop-timeout says otherwise.
ENV EIDER_DATA_DIR=/var/lib/eider EIDER_LISTEN=0.0.0.0:8080 EIDER_LOG_FORMAT=json EIDER_SERVER_SHUTDOWN_GRACE=7s
USER nonroot
VOLUME /var/lib/eider
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=1m CMD ["eider", "health"]
ENTRYPOINT ["eider"]
CMD ["serve"]
