//! One key a line:
//!
//! ```text
//! example.com/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
//! example.org/busy+…  rate=50
//! sum.golang.org+…  paused origin=go.sum database tree
//! ```
//!
//! | option | |
//! |---|---|
//! | `rate=N` | at most N checkpoints a second are cosigned for the log, instead of `log_rate`; may be a fraction |
//! | `paused` | nothing is cosigned for the log until this is taken away; its record stays |
//! | `origin=TEXT` | its origin, where that is not the key's name; the last option, because an origin may hold spaces |

use counterfoil_tiles::checkpoint::Origin;

use super::{Fault, ListError, Listed, expected, lines, number, plain};
use crate::LogOptions;

const VKEY: &str = "a vkey, <key name>+<key ID>+<base64 key>";
const OPTION: &str = "rate=N, paused or origin=TEXT";

pub(super) fn parse(text: &str) -> Result<Vec<Listed>, ListError> {
    lines(text)
        .map(|(line, text)| entry(line, text).map_err(|fault| ListError { line, fault }))
        .collect()
}

fn entry(line: usize, text: &str) -> Result<Listed, Fault> {
    plain(text)?;
    let (vkey, mut rest) = item(text);
    if !vkey.contains('+') {
        return Err(expected(VKEY, vkey));
    }
    let vkey: counterfoil_tiles::key::Vkey = vkey.parse()?;
    let mut options = LogOptions::default();
    let mut origin = Origin::from(vkey.name().clone());
    while !rest.is_empty() {
        if let Some(text) = rest.strip_prefix("origin=") {
            origin = Origin::new(text)?;
            break;
        }
        let (option, after) = item(rest);
        if option == "paused" {
            once(!options.paused, "paused")?;
            options.paused = true;
        } else if let Some(text) = option.strip_prefix("rate=") {
            once(options.rate.is_none(), "rate")?;
            let rate = number(text);
            options.rate =
                Some(rate.ok_or_else(|| expected("rate=N, N a number above 0", option))?);
        } else {
            return Err(expected(OPTION, option));
        }
        rest = after;
    }
    Ok(Listed {
        line,
        origin,
        vkey,
        options,
    })
}

fn once(is_first: bool, option: &'static str) -> Result<(), Fault> {
    if is_first {
        Ok(())
    } else {
        Err(Fault::Twice(option))
    }
}

/// The first item, and what follows the space behind it.
fn item(text: &str) -> (&str, &str) {
    let (item, rest) = text.split_at(text.find([' ', '\t']).unwrap_or(text.len()));
    (item, rest.trim_start_matches([' ', '\t']))
}
