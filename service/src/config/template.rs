//! The commented file that `init` writes.

use std::fmt::Write;

use super::{Schema, Section};

impl Schema {
    /// A file in which each key stands with its help: those in `values` (path and TOML value) set, the others commented
    /// out with their defaults.
    pub fn file(&self, values: &[(&str, &str)]) -> String {
        let mut file = self.introduction.to_owned();
        for &section in self.sections {
            let keys: Vec<_> = self
                .of(section)
                .map(|key| {
                    let path = key.path();
                    let given = values.iter().find(|(name, _)| *name == path);
                    (key, given.map(|(_, value)| *value))
                })
                .collect();
            let used = keys.iter().any(|(_, given)| given.is_some());
            if section != Section::TOP {
                let off = if used { "" } else { "# " };
                let name = section.name();
                let heading = if section.is_list() {
                    format!("[[{name}]]")
                } else {
                    format!("[{name}]")
                };
                let _ = writeln!(file, "\n{off}{heading}");
            }
            for (key, given) in keys {
                let _ = write!(file, "\n# {}\n", key.help);
                let _ = match given {
                    Some(value) => writeln!(file, "{} = {value}", key.name),
                    None => writeln!(file, "# {} = {}", key.name, key.value),
                };
            }
        }
        file
    }
}
