//! What a witness shows of itself: as a page in words, and as JSON.
//!
//! Both are functions of a [`View`], which is of one page of logs, so that neither memory nor time grows with their number.

use std::fmt::Write;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Logs of one view.
pub(crate) const PAGE: usize = 100;

/// What is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct View {
    /// `signing` or `refusing`.
    pub(crate) state: Standing,
    /// In a sentence.
    pub(crate) explanation: String,
    /// The witness's verifier keys.
    pub(crate) vkeys: Vec<KeyView>,
    pub(crate) operator: Option<String>,
    pub(crate) contact: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) submission_prefix: String,
    pub(crate) monitoring_prefix: String,
    /// How many logs it knows.
    pub(crate) log_count: usize,
    /// When the lists of logs were read, in seconds since 1970.
    pub(crate) lists_read_at: u64,
    /// Why the lists as they are now cannot be used.
    pub(crate) lists_error: Option<String>,
    pub(crate) bastions: Vec<BastionView>,
    /// The logs of this page, in the order of their origins.
    pub(crate) logs: Vec<LogView>,
    /// The origin after which the next page begins.
    pub(crate) next: Option<String>,
}

/// Whether the witness signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// It does.
    Signing,
    /// It does not, for any log.
    Refusing,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct KeyView {
    pub(crate) vkey: String,
    pub(crate) algorithm: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct BastionView {
    pub(crate) address: String,
    /// The submission prefix over this bastion.
    pub(crate) url: String,
    pub(crate) link: &'static str,
    pub(crate) since: u64,
    pub(crate) last_error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LogView {
    pub(crate) origin: String,
    pub(crate) origin_hash: String,
    pub(crate) paused: bool,
    /// The latest checkpoint that was cosigned; null if there is none, or if it cannot be read.
    pub(crate) latest: Option<LatestView>,
    /// Why it cannot be read.
    pub(crate) error: Option<String>,
    /// Files of evidence that it misbehaved.
    pub(crate) evidence: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LatestView {
    pub(crate) size: u64,
    pub(crate) root: String,
    /// When it was cosigned, in seconds since 1970.
    pub(crate) cosigned_at: u64,
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}\
code{font:.85rem ui-monospace,monospace;overflow-wrap:anywhere}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #8884}\
td.n,th.n{text-align:right}\
.alarm{border-left:.4rem solid #c00;padding-left:1rem}\
";

/// The content security policy of the page: its own style, and nothing else.
pub(crate) static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

impl View {
    /// As JSON.
    pub(crate) fn json(&self) -> Vec<u8> {
        // Structs of strings and numbers always serialize.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// As a page; without a script, and of nothing but what is known here.
    pub(crate) fn html(&self, now: SystemTime) -> String {
        let mut page = String::new();
        let name = self.name();
        let _ = write!(
            page,
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
             <title>Witness {0}</title>\n<style>{STYLE}</style>\n<main>\n<h1>Witness {0}</h1>\n",
            Escaped(name)
        );
        self.introduce(&mut page);
        self.keys(&mut page);
        self.bastions(&mut page, now);
        self.logs(&mut page, now);
        page.push_str("</main>\n</html>\n");
        page
    }

    /// The name of the keys: of the first, if there are several.
    fn name(&self) -> &str {
        let vkey = self.vkeys.first().map_or("", |key| key.vkey.as_str());
        vkey.split('+').next().unwrap_or_default()
    }

    fn introduce(&self, page: &mut String) {
        page.push_str(
            "<p>A witness watches transparency logs. It signs a log's checkpoint only if that extends, entry by entry, \
             the last one it signed for the log, and so makes sure that a log shows everybody one history. \
             It speaks <a href=\"https://c2sp.org/tlog-witness\">C2SP tlog-witness</a>.</p>\n",
        );
        let class = match self.state {
            Standing::Signing => "",
            Standing::Refusing => " class=\"alarm\"",
        };
        let _ = writeln!(
            page,
            "<p{class}><strong>{}</strong></p>",
            Escaped(&self.explanation)
        );
        let rows = [
            ("Run by", &self.operator),
            ("Contact", &self.contact),
            ("Reached at", &self.url),
        ];
        for (what, text) in rows {
            if let Some(text) = text {
                let _ = writeln!(page, "<p>{what}: {}</p>", Escaped(text));
            }
        }
    }

    fn keys(&self, page: &mut String) {
        page.push_str("<h2>Keys</h2>\n<p>Logs and verifiers configure these vkeys, after they compared them on a way that they trust:</p>\n");
        for key in &self.vkeys {
            let _ = writeln!(
                page,
                "<p>{}:<br><code>{}</code></p>",
                Escaped(&key.algorithm),
                Escaped(&key.vkey)
            );
        }
        let slash = |prefix: &str| {
            if prefix == "/" {
                String::new()
            } else {
                prefix.to_owned()
            }
        };
        let _ = writeln!(
            page,
            "<p>Logs submit to <code>POST {0}/add-checkpoint</code>. The latest checkpoint of each log is at \
             <code>{1}/&lt;origin hash&gt;/checkpoint</code>, evidence that a log misbehaved at \
             <code>{1}/&lt;origin hash&gt;/evidence</code>; the origin hash is the SHA-256 of the origin in hexadecimal.</p>",
            Escaped(&slash(&self.submission_prefix)),
            Escaped(&slash(&self.monitoring_prefix)),
        );
    }

    fn bastions(&self, page: &mut String, now: SystemTime) {
        if self.bastions.is_empty() {
            return;
        }
        page.push_str(
            "<h2>Bastions</h2>\n<table>\n<tr><th>Submission prefix</th><th>Connection</th></tr>\n",
        );
        for bastion in &self.bastions {
            let _ = write!(
                page,
                "<tr><td><code>{}</code></td><td>{}, {}",
                Escaped(&bastion.url),
                Escaped(bastion.link),
                ago(bastion.since, now)
            );
            if let Some(error) = bastion
                .last_error
                .as_ref()
                .filter(|_| bastion.link != "connected")
            {
                let _ = write!(page, ": {}", Escaped(error));
            }
            page.push_str("</td></tr>\n");
        }
        page.push_str("</table>\n");
    }

    fn logs(&self, page: &mut String, now: SystemTime) {
        let (count, plural) = (self.log_count, if self.log_count == 1 { "" } else { "s" });
        let _ = writeln!(
            page,
            "<h2>Logs</h2>\n<p>This witness knows {count} log{plural}.</p>"
        );
        if let Some(error) = &self.lists_error {
            let _ = writeln!(
                page,
                "<p class=\"alarm\">The lists of logs were changed and cannot be used, so those of {} hold: {}</p>",
                date(self.lists_read_at),
                Escaped(error)
            );
        }
        if !self.logs.is_empty() {
            page.push_str("<table>\n<tr><th>Origin</th><th class=\"n\">Latest size</th><th>Cosigned</th></tr>\n");
            for log in &self.logs {
                self.log(page, log, now);
            }
            page.push_str("</table>\n");
        }
        if let Some(next) = &self.next {
            let _ = writeln!(
                page,
                "<p><a href=\"?after={}\">More logs</a></p>",
                Escaped(&encode(next))
            );
        }
    }

    fn log(&self, page: &mut String, log: &LogView, now: SystemTime) {
        // Relative, because a bastion serves the page below a prefix of its own.
        let prefix = self.monitoring_prefix.trim_start_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        let log_path = format!("{}{slash}{}", Escaped(prefix), Escaped(&log.origin_hash));
        page.push_str("<tr><td>");
        let _ = match log.latest {
            Some(_) => write!(
                page,
                "<a href=\"{log_path}/checkpoint\">{}</a>",
                Escaped(&log.origin)
            ),
            None => write!(page, "{}", Escaped(&log.origin)),
        };
        if log.paused {
            page.push_str(" (paused by the operator)");
        }
        if log.evidence > 0 {
            let _ = write!(
                page,
                "<br><a href=\"{log_path}/evidence\"><strong>it signed two histories: evidence</strong></a>"
            );
        }
        let _ = match (&log.latest, &log.error) {
            (Some(latest), _) => writeln!(
                page,
                "</td><td class=\"n\">{}</td><td>{}</td></tr>",
                latest.size,
                ago(latest.cosigned_at, now)
            ),
            (None, Some(error)) => writeln!(page, "</td><td></td><td>{}</td></tr>", Escaped(error)),
            (None, None) => writeln!(page, "</td><td></td><td>nothing yet</td></tr>"),
        };
    }
}

/// Text that stands for itself in HTML, in attributes too.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}

/// Percent-encodes a value of a query.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The value of `after` in a query, percent-decoded; `None` if there is none, or none that can be read.
pub(crate) fn after(query: Option<&str>) -> Option<String> {
    let value = query?
        .split('&')
        .find_map(|pair| pair.strip_prefix("after="))?;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Seconds since 1970.
pub(crate) fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

fn date(seconds: u64) -> String {
    // Dates after the year 9999 cannot be written so.
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.min(LAST)))
}

/// A time, and how long ago that was.
fn ago(seconds: u64, now: SystemTime) -> String {
    let passed = unix(now).saturating_sub(seconds);
    let (number, unit) = match passed {
        0..60 => (passed, "second"),
        60..3_600 => (passed / 60, "minute"),
        3_600..86_400 => (passed / 3_600, "hour"),
        _ => (passed / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{} ({number} {unit}{plural} ago)", date(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        View {
            state: Standing::Signing,
            explanation: "It signs.".to_owned(),
            vkeys: vec![KeyView {
                vkey: "w.example/<1>+00000000+AAAA".to_owned(),
                algorithm: "Ed25519 cosignature/v1".to_owned(),
            }],
            operator: Some("A & B".to_owned()),
            contact: None,
            url: None,
            submission_prefix: "/".to_owned(),
            monitoring_prefix: "/m".to_owned(),
            log_count: 2,
            lists_read_at: 0,
            lists_error: None,
            bastions: vec![BastionView {
                address: "b:443".to_owned(),
                url: "https://b/00/".to_owned(),
                link: "waiting",
                since: 1_000,
                last_error: Some("refused <b>".to_owned()),
            }],
            logs: vec![
                LogView {
                    origin: "<script>alert('1')</script>".to_owned(),
                    origin_hash: "ab".repeat(32),
                    paused: true,
                    latest: Some(LatestView {
                        size: 7,
                        root: "r".to_owned(),
                        cosigned_at: 1_000,
                    }),
                    error: None,
                    evidence: 1,
                },
                LogView {
                    origin: "b.example".to_owned(),
                    origin_hash: "cd".repeat(32),
                    paused: false,
                    latest: None,
                    error: None,
                    evidence: 0,
                },
            ],
            next: Some("a&b ü".to_owned()),
        }
    }

    #[test]
    fn the_page_says_what_is_known_and_nothing_of_it_is_markup() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000 + 7_300);
        let page = view().html(now);
        for expected in [
            "<title>Witness w.example/&lt;1&gt;</title>",
            "<p><strong>It signs.</strong></p>",
            "Run by: A &amp; B",
            "refused &lt;b&gt;",
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;</a> (paused by the operator)",
            "<td class=\"n\">7</td><td>Thu, 01 Jan 1970 00:16:40 GMT (2 hours ago)</td>",
            "b.example</td><td></td><td>nothing yet</td>",
            "href=\"?after=a%26b%20%C3%BC\"",
        ] {
            assert!(page.contains(expected), "{expected} in {page}");
        }
        assert!(
            page.contains(&format!("href=\"m/{}/evidence\"", "ab".repeat(32))),
            "{page}"
        );
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("alarm\"><strong>"), "{page}");

        let refusing = View {
            state: Standing::Refusing,
            lists_error: Some("line 3".to_owned()),
            ..view()
        };
        let page = refusing.html(now);
        assert!(
            page.contains("<p class=\"alarm\"><strong>It signs.</strong></p>"),
            "{page}"
        );
        assert!(
            page.contains("cannot be used, so those of Thu, 01 Jan 1970 00:00:00 GMT hold: line 3"),
            "{page}"
        );
    }

    #[test]
    fn the_style_is_the_one_that_the_policy_allows() {
        let policy = POLICY.to_str().unwrap();
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        assert!(
            policy.contains(&format!("style-src 'sha256-{hash}'")),
            "{policy}"
        );
        assert!(
            view()
                .html(UNIX_EPOCH)
                .contains(&format!("<style>{STYLE}</style>"))
        );
    }

    #[test]
    fn where_the_next_page_begins() {
        for origin in ["a", "a b&c=d%+", "ü\u{1f600}", "go.sum database tree"] {
            assert_eq!(
                after(Some(&format!("x=1&after={}", encode(origin)))).as_deref(),
                Some(origin)
            );
        }
        let rows = [
            None,
            Some(""),
            Some("before=a"),
            Some("after=%"),
            Some("after=%4"),
            Some("after=%zz"),
            Some("after=%ff"),
        ];
        for query in rows {
            assert_eq!(after(query), None, "{query:?}");
        }
        assert_eq!(after(Some("after=a+b")).as_deref(), Some("a b"));
    }
}
