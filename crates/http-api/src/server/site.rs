//! Which web pages may make a browser ask a server that asks nobody for a key.
//!
//! Such a server is reached from its own machine alone, and so by every page that a browser on that machine shows. A page of
//! another site sends `Origin`, or its requests carry `Sec-Fetch-Site`; one that has given its own name the address of this
//! machine sends that name as `Host`.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use actix_web::http::{Method, Version};
use eider_application::ErrorCode;

use crate::HttpSettings;
use crate::error::ApiError;

const SEC_FETCH_SITE: &str = "sec-fetch-site";
/// Stands for any name or origin in the settings.
const ANY: &str = "*";

/// Lets a request through that no other site has made a browser send.
///
/// # Errors
/// 403 that names the header and the setting.
pub(crate) fn check(request: &ServiceRequest, settings: &HttpSettings) -> Result<(), ApiError> {
    let host = host(request)?;
    if let Some(host) = &host
        && !is_own(host, &settings.hosts)
    {
        let shown = shown(host);
        let detail = format!("the server does not go by the name `{shown}`; `server.hosts` says which names it has");
        return Err(ApiError::new(ErrorCode::Forbidden, detail));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        // Scripts of other sites cannot read the answers.
        return Ok(());
    }
    let headers = request.headers();
    match one(headers, ORIGIN.as_str())? {
        Some(origin) => {
            let is_same = host.is_some_and(|host| {
                origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(&host))
            });
            let is_allowed = settings.cors_origins.iter().any(|allowed| allowed == ANY || allowed == origin);
            if !is_same && !is_allowed {
                let shown = shown(origin);
                let detail = format!(
                    "pages of `{shown}` may not change anything here; `server.cors_origins` says which ones may"
                );
                return Err(ApiError::new(ErrorCode::Forbidden, detail));
            }
        }
        None if matches!(one(headers, SEC_FETCH_SITE)?, Some("cross-site" | "same-site")) => {
            let detail = "pages of other sites may not change anything here; `server.cors_origins` says which ones may";
            return Err(ApiError::new(ErrorCode::Forbidden, detail));
        }
        None => {}
    }
    Ok(())
}

/// The name, with its port, by which the client calls the server; `None` for a client of HTTP/1.0 that says none.
///
/// # Errors
/// 400 when it is missing, given twice or no text (RFC 9112, section 3.2).
pub(crate) fn host(request: &ServiceRequest) -> Result<Option<String>, ApiError> {
    if let Some(authority) = request.uri().authority() {
        return Ok(Some(authority.as_str().to_owned()));
    }
    match one(request.headers(), HOST.as_str())? {
        Some(host) => Ok(Some(host.to_owned())),
        None if request.version() <= Version::HTTP_10 => Ok(None),
        None => Err(ApiError::new(ErrorCode::MalformedRequest, "the header `Host` is missing")),
    }
}

/// The value of a header that may be given once.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, ApiError> {
    let mut values = headers.get_all(name);
    let unreadable = || ApiError::new(ErrorCode::MalformedRequest, format!("the header `{name}` cannot be read"));
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(unreadable());
    }
    value.to_str().map(Some).map_err(|_| unreadable())
}

/// Whether a name, perhaps with a port, is one of this machine or its neighbours: nobody on the Internet can give an address, or a
/// name without a dot, the address of this machine.
fn is_own(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_named = |known: &String| known == ANY || known.eq_ignore_ascii_case(&name);
    name.parse::<IpAddr>().is_ok()
        || (!name.is_empty() && !name.contains('.'))
        || name.ends_with(".localhost")
        || names.iter().any(is_named)
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn settings() -> HttpSettings {
        HttpSettings {
            hosts: vec!["records.example".to_owned()],
            cors_origins: vec!["https://app.example".to_owned()],
            ..HttpSettings::default()
        }
    }

    fn is_let_in(method: Method, headers: &[(&'static str, &str)]) -> bool {
        let request = headers
            .iter()
            .fold(TestRequest::default().method(method), |request, header| request.append_header(*header));
        check(&request.to_srv_request(), &settings()).is_ok()
    }

    #[test]
    fn a_name_of_another_machine_is_refused_whatever_is_asked() {
        for (host, is_own) in [
            ("localhost", true),
            ("localhost:8080", true),
            ("LOCALHOST.:8080", true),
            ("eider.localhost:1", true),
            ("127.0.0.1:8080", true),
            ("192.0.2.7", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("records.example", true),
            ("Records.Example.:443", true),
            ("evil.example", false),
            ("evil.example:8080", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("eider:8080", true),
            ("evil.example.localhost.", true),
            ("", false),
            (".", false),
        ] {
            for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS] {
                assert_eq!(is_let_in(method, &[("Host", host)]), is_own, "{host}");
            }
        }
        assert!(!is_let_in(Method::GET, &[("Host", "localhost"), ("Host", "evil.example")]));
        assert!(!is_let_in(Method::GET, &[]), "HTTP/1.1 has a host");
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        let host = ("Host", "localhost:8080");
        for (header, is_allowed) in [
            (("Origin", "http://localhost:8080"), true),
            (("Origin", "https://app.example"), true),
            (("Origin", "https://app.example.evil"), false),
            (("Origin", "http://localhost:3000"), false),
            (("Origin", "http://evil.example"), false),
            (("Origin", "null"), false),
            (("Sec-Fetch-Site", "cross-site"), false),
            (("Sec-Fetch-Site", "same-site"), false),
            (("Sec-Fetch-Site", "same-origin"), true),
            (("Sec-Fetch-Site", "none"), true),
            (("User-Agent", "curl/8"), true),
        ] {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                assert_eq!(is_let_in(method, &[host, header]), is_allowed, "{header:?}");
            }
            assert!(is_let_in(Method::GET, &[host, header]), "{header:?}");
        }
    }
}
