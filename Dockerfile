# syntax=docker/dockerfile:1
# docker build -t eider .            (compiles the engine: some 40 minutes on two cores, once)
# docker run --rm -v eider:/var/lib/eider eider keys create --name first --verbs admin
# docker run -p 8080:8080 -v eider:/var/lib/eider --memory 2g eider

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/target \
    CARGO_TARGET_DIR=/target cargo build --release --locked --bin eider && \
    cp /target/release/eider /eider && mkdir /data

# libc, libgcc and libstdc++, and nothing that could be run.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /eider /usr/local/bin/eider
COPY --from=build --chown=nonroot:nonroot /data /var/lib/eider
ENV EIDER_DATA_DIR=/var/lib/eider EIDER_LISTEN=0.0.0.0:8080 EIDER_LOG_FORMAT=json
USER nonroot
VOLUME /var/lib/eider
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=1m CMD ["eider", "health"]
ENTRYPOINT ["eider"]
CMD ["serve"]
