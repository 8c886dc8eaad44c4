//! The page: for each log its newest anchor, its authorities, and its anchors on a time line. No script, no cookie, and
//! nothing from elsewhere.

mod ethereum;

use std::fmt::{self, Write as _};
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use sha2::{Digest as _, Sha256};

use crate::ethereum::{Block, Status};
use crate::moment::Moment;
use crate::names::Place;
use crate::worker::status::LogStatus;

/// A log and its anchors, the newest first.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) log: LogStatus,
    pub(super) points: Vec<Point>,
    pub(super) forks: usize,
}

/// An anchored checkpoint.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) place: Place,
    pub(super) time: Moment,
    pub(super) tokens: Vec<String>,
    /// By the names of their records.
    pub(super) blocks: Vec<(String, Block)>,
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;margin:0}\
main{max-width:70rem;margin:auto;padding:1rem}\
h2{overflow-wrap:anywhere;margin-top:2.5rem}\
code{overflow-wrap:anywhere}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.25rem .75rem .25rem 0;vertical-align:top;border-bottom:1px solid #8884}\
.n{text-align:right}\
.alarm{border-left:.4rem solid #c00;padding-left:1rem}\
svg{width:100%;height:5rem}\
line{stroke:currentColor}\
circle,rect{fill:currentColor}\
text{fill:currentColor;font:12px system-ui,sans-serif}\
";

/// The content security policy of the page: its own style, and nothing else.
pub(super) static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

pub(super) fn html(
    operator: Option<&str>,
    lines: &[Line],
    chain: Option<&Status>,
    now: Moment,
) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>Anchors of transparency logs</title>\n<style>{STYLE}</style>\n<main>\n<h1>Anchors</h1>\n\
         <p>This service fixes transparency logs in time: time-stamping authorities (RFC 3161) vouch that a log's signed \
         checkpoint, and so all entries under it, existed by then. It does so only for checkpoints that the log's witnesses \
         cosigned, and that extend what it anchored before. Every token is kept, and can be fetched and verified without \
         trusting this service: see <a href=\"/logs\">the records</a>.</p>\n"
    );
    if let Some(operator) = operator {
        let _ = writeln!(page, "<p>Run by: {}</p>", Escaped(operator));
    }
    for line in lines {
        log(&mut page, line, now);
    }
    if let Some(chain) = chain {
        ethereum::section(&mut page, chain, now);
    }
    page.push_str("</main>\n</html>\n");
    page
}

fn log(page: &mut String, line: &Line, now: Moment) {
    let log = &line.log;
    let _ = writeln!(page, "<h2>{}</h2>", Escaped(log.origin.as_str()));
    if let Some(since) = log.forked {
        let _ = writeln!(
            page,
            "<p class=\"alarm\"><strong>This log forked:</strong> it signed another history than the one that was anchored. \
             Nothing more of it is anchored, since {} or before.</p>",
            date(since)
        );
    }
    if line.forks > 0 {
        let _ = writeln!(
            page,
            "<p class=\"alarm\">{} checkpoint{} that contradict{} what was anchored: <a href=\"/{}/forks\">both sides are kept</a>.</p>",
            line.forks,
            if line.forks == 1 { "" } else { "s" },
            if line.forks == 1 { "s" } else { "" },
            log.hash
        );
    }
    match log.newest {
        Some(newest) => {
            let _ = writeln!(
                page,
                "<p>Its first <strong>{}</strong> entries existed by <strong>{}</strong>, {} ago.</p>",
                newest.place.size,
                date(newest.time),
                Ago(now.since(newest.time))
            );
        }
        None => page.push_str("<p>Nothing of it is anchored yet.</p>\n"),
    }
    if let Some(trouble) = &log.trouble {
        let _ = writeln!(
            page,
            "<p class=\"alarm\">Since {}: {}</p>",
            date(trouble.since),
            Escaped(&trouble.reason)
        );
    }
    let _ = writeln!(page, "<p>Read at <code>{}</code>.</p>", Escaped(&log.url));
    time_line(page, &line.points);
    anchors(page, &line.points);
    authorities(page, log);
}

/// The anchors on a line from the oldest shown to the newest: checkpoints as points, blocks that have them as squares.
fn time_line(page: &mut String, points: &[Point]) {
    let blocks = || points.iter().flat_map(|point| &point.blocks);
    let times = || {
        let of_blocks = blocks().map(|(_, block)| block.time);
        points.iter().map(|point| point.time).chain(of_blocks)
    };
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return;
    };
    let span = last.since(first).as_millis().max(1);
    page.push_str("<svg viewBox=\"0 0 1000 70\" role=\"img\" aria-label=\"Anchors on a time line\">\n<line x1=\"10\" y1=\"30\" x2=\"990\" y2=\"30\"/>\n");
    let place = |time: Moment| 10 + time.since(first).as_millis() * 980 / span;
    for (_, block) in blocks() {
        let x = place(block.time) - 5;
        let _ = writeln!(
            page,
            "<rect x=\"{x}\" y=\"10\" width=\"10\" height=\"10\"><title>{} entries in block {}, {}</title></rect>",
            block.place.size,
            block.number,
            date(block.time)
        );
    }
    for point in points {
        let x = place(point.time);
        let _ = writeln!(
            page,
            "<circle cx=\"{x}\" cy=\"30\" r=\"5\"><title>{} entries, {}</title></circle>",
            point.place.size,
            date(point.time)
        );
    }
    let _ = writeln!(
        page,
        "<text x=\"10\" y=\"60\">{}</text>\n<text x=\"990\" y=\"60\" text-anchor=\"end\">{}</text>\n</svg>",
        date(first),
        date(last)
    );
}

fn anchors(page: &mut String, points: &[Point]) {
    if points.is_empty() {
        return;
    }
    page.push_str(
        "<table>\n<tr><th class=\"n\">Entries</th><th>Existed by</th><th>Records</th></tr>\n",
    );
    for point in points {
        let place = &point.place;
        let _ = write!(
            page,
            "<tr><td class=\"n\">{}</td><td>{}</td><td><a href=\"/{place}/checkpoint\">checkpoint</a>",
            place.size,
            date(point.time)
        );
        for token in &point.tokens {
            let _ = write!(
                page,
                ", <a href=\"/{place}/{token}\">{token}</a> (<a href=\"/{place}/{token}.tst\">token</a>)"
            );
        }
        for (name, block) in &point.blocks {
            let _ = write!(
                page,
                ", <a href=\"/{place}/{name}\">{name}</a> (block {}, {}, transaction <code>{}</code>)",
                block.number,
                date(block.time),
                block.transaction
            );
        }
        page.push_str("</td></tr>\n");
    }
    page.push_str("</table>\n");
}

fn authorities(page: &mut String, log: &LogStatus) {
    page.push_str("<table>\n<tr><th>Authority</th><th>Counted last</th><th>Trouble</th></tr>\n");
    for authority in &log.authorities {
        let counted = authority
            .counted
            .map_or_else(|| "not since the start".to_owned(), date);
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{counted}</td><td>",
            authority.name
        );
        match &authority.trouble {
            Some(trouble) => {
                let _ = write!(
                    page,
                    "since {}: {}",
                    date(trouble.since),
                    Escaped(&trouble.reason)
                );
            }
            None => page.push_str("none"),
        }
        page.push_str("</td></tr>\n");
    }
    page.push_str("</table>\n");
}

fn date(moment: Moment) -> String {
    // The year 9999 is the last that a date of HTTP can have.
    const LAST: u64 = 253_402_300_799;
    let since = Duration::from_secs(moment.seconds().min(LAST));
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}

/// A duration in its largest unit.
struct Ago(Duration);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (count, unit) = match seconds {
            0..120 => (seconds, "second"),
            120..7_200 => (seconds / 60, "minute"),
            7_200..172_800 => (seconds / 3_600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} {unit}{plural}")
    }
}

/// Text between tags.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
