//! An address as others may see it.

use counterfoil_service::config::url_holds_credentials;
use url::Url;

/// Without user, password and query, where credentials may stand.
pub(crate) fn public_url(url: &Url) -> String {
    let mut url = url.clone();
    // Neither fails on a URL of HTTP.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// The text of what should be an address, for errors.
pub(crate) fn public_text(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.has_host() => public_url(&url),
        _ if url_holds_credentials(text) => {
            "something that is not shown: it may hold credentials".into()
        }
        _ => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_left_out() {
        for (url, public) in [
            ("https://log.example/a/", "https://log.example/a/"),
            (
                "https://user:s3cret@log.example/a/",
                "https://log.example/a/",
            ),
            ("https://s3cret@tsa.example/tsr", "https://tsa.example/tsr"),
            (
                "https://tsa.example/tsr?key=s3cret",
                "https://tsa.example/tsr",
            ),
        ] {
            assert_eq!(public_url(&url.parse().unwrap()), public);
            assert_eq!(public_text(url), public);
        }
        assert_eq!(public_text("tsa.example/tsr"), "\"tsa.example/tsr\"");
        for wrong in [
            "user:s3cret@tsa.example",
            "https://user:s3cret@:x/",
            "tsa.example?s3cret",
            "mailto:s3cret@tsa.example",
        ] {
            let shown = public_text(wrong);
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }
}
