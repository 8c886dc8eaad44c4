//! An address as others may see it.

use url::Url;

/// Without user, password and query, where credentials may stand.
pub(crate) fn public_url(url: &Url) -> String {
    let mut url = url.clone();
    // Neither fails on a URL of HTTP.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
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
        }
    }
}
