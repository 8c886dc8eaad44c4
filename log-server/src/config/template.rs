//! The commented file that `log init` writes.

use std::fmt::Write;

use super::keys::{KEYS, Section};

/// A file in which each key stands with its help: those in `values` (path and TOML value) set, the others commented
/// out with their defaults.
///
/// ```
/// let file = counterfoil_log_server::config::default_file(&[("log.origin", "\"log.example.org\"")]);
/// assert!(file.contains("\norigin = \"log.example.org\"\n"));
/// assert!(file.contains("\n# checkpoint_interval = \"1s\"\n"));
/// ```
pub fn default_file(values: &[(&str, &str)]) -> String {
    let mut file = String::from(
        "# Configuration of a Counterfoil log server. A line that begins with \"# key =\" shows the default\n\
         # (in [tls], [[token]] and [[client]], which are off, an example). Each key is also an environment variable,\n\
         # COUNTERFOIL_LOG__KEY or COUNTERFOIL_LOG__SECTION__KEY, and a flag. Unknown keys are errors.\n\
         # Relative paths are relative to this file.\n",
    );
    for section in Section::ALL {
        let keys: Vec<_> = KEYS
            .iter()
            .filter(|key| key.section == section)
            .map(|key| {
                let path = key.path();
                let given = values.iter().find(|(name, _)| *name == path);
                (key, given.map(|(_, value)| *value))
            })
            .collect();
        let used = keys.iter().any(|(_, given)| given.is_some());
        if section != Section::Server {
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
