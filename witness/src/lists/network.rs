//! The list of the witness network (<https://witness-network.org/log-list-format>):
//!
//! ```text
//! logs/v0                                             the format
//!
//! vkey example.com/log+530d903a+Aeky…                 begins a log
//! origin none                                         its origin, if that is not the key's name
//! qpd 86400                                           add-checkpoint requests a day
//! contact https://example.com/contact
//! ```
//!
//! `qpd` becomes the log's rate. Lines with other words are left out, because the format grows; `bastion` names what a
//! witness may connect to, which is configured and not listed here.

use counterfoil_tiles::checkpoint::Origin;

use super::{Fault, ListError, Listed, expected, lines, number, plain};
use crate::LogOptions;

const SECONDS_A_DAY: f64 = 86_400.0;

pub(super) fn parse(text: &str) -> Result<Vec<Listed>, ListError> {
    let mut listed: Vec<Listed> = Vec::new();
    let mut seen = Seen::default();
    for (number, (line, text)) in lines(text).enumerate() {
        let taken = if number == 0 {
            header(text)
        } else {
            take(line, text, &mut listed, &mut seen)
        };
        taken.map_err(|fault| ListError { line, fault })?;
    }
    Ok(listed)
}

fn header(line: &str) -> Result<(), Fault> {
    if line == "logs/v0" {
        Ok(())
    } else {
        Err(expected("logs/v0, the only version that is known", line))
    }
}

/// Which lines the log at hand had.
#[derive(Default)]
struct Seen {
    origin: bool,
    qpd: bool,
}

fn take(line: usize, text: &str, listed: &mut Vec<Listed>, seen: &mut Seen) -> Result<(), Fault> {
    plain(text)?;
    let (word, value) = text.split_once(' ').unwrap_or((text, ""));
    let value = value.trim_matches([' ', '\t']);
    if word == "vkey" {
        let vkey: counterfoil_tiles::key::Vkey = value.parse()?;
        *seen = Seen::default();
        listed.push(Listed {
            line,
            origin: Origin::from(vkey.name().clone()),
            vkey,
            options: LogOptions::default(),
        });
        return Ok(());
    }
    let Some(log) = listed.last_mut() else {
        return Err(expected("a vkey line before all others", text));
    };
    match word {
        "origin" if seen.origin => Err(Fault::Twice("origin")),
        "origin" => {
            seen.origin = true;
            if value != "none" {
                log.origin = Origin::new(value)?;
            }
            Ok(())
        }
        "qpd" if seen.qpd => Err(Fault::Twice("qpd")),
        "qpd" => {
            seen.qpd = true;
            let a_day = number(value).ok_or_else(|| expected("qpd N, N a number above 0", text))?;
            log.options.rate = Some(a_day / SECONDS_A_DAY);
            Ok(())
        }
        _ => Ok(()),
    }
}
