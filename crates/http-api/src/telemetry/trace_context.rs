//! The trace that a request belongs to: the header `traceparent` (W3C Trace Context) in and out.

use std::str::FromStr;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The place of a request in a trace.
#[derive(Debug, Clone)]
pub(crate) struct TraceContext(SpanContext);

impl TraceContext {
    /// The place of the caller, when it names one; of two nobody knows which it is.
    pub(crate) fn of_caller(request: &ServiceRequest) -> Option<Self> {
        let mut named = request.headers().get_all(TRACEPARENT);
        let (Some(only), None) = (named.next(), named.next()) else { return None };
        let (trace_id, span_id, flags) = parse(only.to_str().ok()?)?;
        let state = request.headers().get(TRACESTATE).and_then(|value| value.to_str().ok());
        let state = state.and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
        Some(Self(SpanContext::new(trace_id, span_id, flags, true, state)))
    }

    /// Puts the span of a request, which must be new, into its caller's trace or a new one; `None` when nothing takes
    /// spans.
    pub(crate) fn begin(span: &Span, caller: Option<&Self>) -> Option<Self> {
        span.record("otel.kind", "server");
        if let Some(Self(caller)) = caller {
            // Fails for spans that are not traced, which have no context either.
            let _ = span.set_parent(Context::new().with_remote_span_context(caller.clone()));
        }
        let context = span.context().span().span_context().clone();
        context.is_valid().then_some(Self(context))
    }

    /// Gives a span the name that traces show.
    pub(crate) fn rename(span: &Span, name: String) {
        span.context().span().update_name(name);
    }

    /// The id of the trace, 32 hexadecimal digits.
    pub(crate) fn trace_id(&self) -> String {
        self.0.trace_id().to_string()
    }

    /// What `traceparent` says of it.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let context = &self.0;
        let text = format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8());
        HeaderValue::from_str(&text).ok()
    }
}

/// Trace, span and flags of a `traceparent`; later versions may have more behind them.
fn parse(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let text = text.trim();
    let is_hex = |part: &str, digits| {
        part.len() == digits && part.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_valid = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    if !is_valid || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    // Of the flags only the first, whether the trace is recorded, has a meaning in every version.
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    (trace != TraceId::INVALID && span != SpanId::INVALID).then_some((trace, span, flags))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn two_headers_name_no_place() {
        const PLACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let request = || TestRequest::default().append_header((TRACEPARENT, PLACE));
        assert!(TraceContext::of_caller(&request().to_srv_request()).is_some());
        assert!(TraceContext::of_caller(&TestRequest::default().to_srv_request()).is_none());
        for second in [PLACE, "", "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01"] {
            let twice = request().append_header((TRACEPARENT, second)).to_srv_request();
            assert!(TraceContext::of_caller(&twice).is_none(), "{second:?}");
        }
    }

    #[test]
    fn a_header_is_read_exactly_or_not_at_all() {
        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        const SPAN: &str = "00f067aa0ba902b7";
        let valid = |text: &str| parse(text).map(|(trace, span, flags)| (trace.to_string(), span.to_string(), flags));
        let (trace, span) = (TRACE.to_owned(), SPAN.to_owned());
        let sampled = Some((trace, span, TraceFlags::SAMPLED));
        assert_eq!(valid(&format!("00-{TRACE}-{SPAN}-01")), sampled);
        assert_eq!(valid(&format!(" 00-{TRACE}-{SPAN}-03 ")), sampled);
        assert_eq!(valid(&format!("01-{TRACE}-{SPAN}-01-more")), sampled);
        assert_eq!(valid(&format!("00-{TRACE}-{SPAN}-00")).unwrap().2, TraceFlags::default());
        for text in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}x-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-0é"),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }
}
