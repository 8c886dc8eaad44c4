//! A tlog-policy: its `log` lines are the logs. What it says of witnesses and of the quorum is for others.

use std::collections::HashMap;

use counterfoil_tiles::policy::{Policy, PolicyError};

use super::{ListError, Listed, lines};
use crate::LogOptions;

pub(super) fn parse(text: &str) -> Result<Vec<Listed>, ListError> {
    let policy = Policy::parse(text.as_bytes());
    let policy = policy.map_err(|PolicyError { line, fault }| ListError {
        line,
        fault: fault.into(),
    })?;
    let keys: HashMap<&str, usize> = lines(text)
        .filter_map(|(number, line)| {
            let mut items = line.split([' ', '\t']).filter(|item| !item.is_empty());
            (items.next() == Some("log")).then_some((items.next()?, number))
        })
        .collect();
    let listed = policy.logs().iter().map(|log| {
        let vkey = log.key().vkey();
        Listed {
            line: keys.get(vkey.to_string().as_str()).copied().unwrap_or(1),
            origin: log.key().origin().clone(),
            vkey: vkey.clone(),
            options: LogOptions::default(),
        }
    });
    Ok(listed.collect())
}
