//! The header fields that decide how a request is answered, found in one pass over all.

use counterfoil_service::body::Sender;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, EXPECT, FORWARDED, HOST, HeaderMap,
    HeaderName, HeaderValue, IF_NONE_MATCH, ORIGIN, VIA,
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What the caller reads: text unless it asks for JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Format {
    /// Plain text.
    #[default]
    Text,
    /// JSON.
    Json,
}

/// Fields of a request.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field that is there or not"
)]
pub(crate) struct Fields<'a> {
    /// By Accept (RFC 9110, section 12.5.1): JSON if `application/json` or `application/problem+json` is among the media
    /// ranges with a weight above 0.
    pub(crate) format: Format,
    /// Host.
    pub(crate) host: Single<'a>,
    /// Authorization.
    pub(crate) authorization: Single<'a>,
    /// Origin: the request is from a web page.
    pub(crate) from_page: bool,
    /// Forwarded, X-Forwarded-For or Via (which RFC 9110, section 7.6.3, asks of every gateway): the request came through
    /// a proxy.
    pub(crate) forwarded: bool,
    /// Content-Encoding is another than `identity`.
    pub(crate) encoded: bool,
    /// Expect: the caller waits before it sends the body.
    pub(crate) expects: bool,
    /// If-None-Match.
    pub(crate) conditional: bool,
    /// Accept-Encoding has gzip with a weight above 0.
    pub(crate) takes_gzip: bool,
}

/// A field that may be there once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Single<'a> {
    #[default]
    Absent,
    Is(&'a HeaderValue),
    Several,
}

impl<'a> Single<'a> {
    fn add(&mut self, value: &'a HeaderValue) {
        *self = match self {
            Self::Absent => Self::Is(value),
            Self::Is(_) | Self::Several => Self::Several,
        };
    }
}

impl<'a> Fields<'a> {
    /// The fields of a request.
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut fields = Self::default();
        for (name, value) in headers {
            if name == HOST {
                fields.host.add(value);
            } else if name == ACCEPT {
                if lists(value, &["application/json", "application/problem+json"]) {
                    fields.format = Format::Json;
                }
            } else if name == AUTHORIZATION {
                fields.authorization.add(value);
            } else if name == IF_NONE_MATCH {
                fields.conditional = true;
            } else if name == ACCEPT_ENCODING {
                fields.takes_gzip |= lists(value, &["gzip", "x-gzip"]);
            } else if name == ORIGIN {
                fields.from_page = true;
            } else if name == FORWARDED || name == X_FORWARDED_FOR || name == VIA {
                fields.forwarded = true;
            } else if name == CONTENT_ENCODING {
                fields.encoded |= value != "identity";
            } else if name == EXPECT {
                fields.expects = true;
            }
        }
        fields
    }

    /// How the caller sends its body.
    pub(crate) fn sender(&self) -> Sender {
        if self.expects {
            Sender::Waiting
        } else {
            Sender::Eager
        }
    }
}

/// Whether a list has one of `words` with a weight above 0.
pub(super) fn lists(value: &HeaderValue, words: &[&str]) -> bool {
    value.to_str().is_ok_and(|value| {
        value.split(',').any(|element| {
            let mut parts = element.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            words.iter().any(|word| name.eq_ignore_ascii_case(word)) && !parts.any(is_zero_weight)
        })
    })
}

fn is_zero_weight(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(key, value)| {
        key.trim().eq_ignore_ascii_case("q")
            && value
                .trim()
                .parse::<f32>()
                .is_ok_and(|weight| weight <= 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn json_only_where_it_is_asked_for() {
        assert_eq!(Fields::of(&HeaderMap::new()).format, Format::Text);
        let rows = [
            ("*/*", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("application/json", Format::Json),
            ("application/problem+json", Format::Json),
            ("Application/JSON", Format::Json),
            ("text/plain;q=0.5, application/json", Format::Json),
            ("application/json; q=0.1", Format::Json),
            ("application/json;q=0", Format::Text),
            ("application/json5", Format::Text),
        ];
        for (accept, format) in rows {
            assert_eq!(Fields::of(&one(ACCEPT, accept)).format, format, "{accept}");
        }
        let mut twice = one(ACCEPT, "text/plain");
        twice.append(ACCEPT, HeaderValue::from_static("application/json"));
        assert_eq!(Fields::of(&twice).format, Format::Json);
    }

    #[test]
    fn gzip_only_where_it_is_taken() {
        assert!(!Fields::of(&HeaderMap::new()).takes_gzip);
        let rows = [
            ("gzip", true),
            ("GZip", true),
            ("x-gzip", true),
            ("br, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; Q=0.000", false),
            ("*", false),
            ("identity", false),
        ];
        for (value, expected) in rows {
            let headers = one(ACCEPT_ENCODING, value);
            assert_eq!(Fields::of(&headers).takes_gzip, expected, "{value}");
        }
    }

    #[test]
    fn fields_that_must_be_single() {
        let mut headers = one(HOST, "a");
        assert!(matches!(Fields::of(&headers).host, Single::Is(host) if host == "a"));
        headers.append(HOST, HeaderValue::from_static("a"));
        assert!(matches!(Fields::of(&headers).host, Single::Several));
        assert!(matches!(Fields::of(&headers).authorization, Single::Absent));
    }

    #[test]
    fn marks() {
        type Mark = fn(&Fields<'_>) -> bool;
        let rows: [(HeaderName, &str, Mark, bool); 10] = [
            (ORIGIN, "null", |fields| fields.from_page, true),
            (FORWARDED, "for=x", |fields| fields.forwarded, true),
            (X_FORWARDED_FOR, "x", |fields| fields.forwarded, true),
            (VIA, "1.1 x", |fields| fields.forwarded, true),
            (
                HeaderName::from_static("x-forwarded-fore"),
                "x",
                |fields| fields.forwarded,
                false,
            ),
            (CONTENT_ENCODING, "gzip", |fields| fields.encoded, true),
            (CONTENT_ENCODING, "identity", |fields| fields.encoded, false),
            (EXPECT, "100-continue", |fields| fields.expects, true),
            (IF_NONE_MATCH, "*", |fields| fields.conditional, true),
            (ACCEPT, "x", |fields| fields.conditional, false),
        ];
        for (name, value, mark, expected) in rows {
            assert_eq!(
                mark(&Fields::of(&one(name.clone(), value))),
                expected,
                "{name}: {value}"
            );
        }
    }
}
