//! One text of several: a metric family may be described only once, and several logs have the same families.

/// Merges texts of `OpenMetrics`, each ending in `# EOF`, by metric family.
///
/// `OpenMetrics` wants all samples of a family under one description, and each log's registry writes its own.
pub fn merge(texts: impl IntoIterator<Item = String>) -> String {
    let mut families: Vec<(String, String)> = Vec::new();
    for text in texts {
        let mut current = 0;
        let mut known = false;
        for line in text.lines().take_while(|line| *line != "# EOF") {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let name = rest.split(' ').next().unwrap_or_default();
                let found = families.iter().position(|(family, _)| family == name);
                known = found.is_some();
                current = found.unwrap_or(families.len());
                if !known {
                    families.push((name.to_owned(), String::new()));
                }
            }
            let Some((_, lines)) = families.get_mut(current) else {
                continue;
            };
            if !(known && line.starts_with('#')) {
                lines.push_str(line);
                lines.push('\n');
            }
        }
    }
    let mut merged: String = families.into_iter().map(|(_, lines)| lines).collect();
    merged.push_str("# EOF\n");
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_described_once() {
        let one = "# HELP a A.\n# TYPE a counter\na_total{log=\"1\"} 1\n# HELP b B.\n# TYPE b gauge\nb{log=\"1\"} 2\n# EOF\n";
        let two = "# HELP b B.\n# TYPE b gauge\nb{log=\"2\"} 3\n# HELP a A.\n# TYPE a counter\na_total{log=\"2\"} 4\n# EOF\n";
        let merged = "# HELP a A.\n# TYPE a counter\na_total{log=\"1\"} 1\na_total{log=\"2\"} 4\n\
                      # HELP b B.\n# TYPE b gauge\nb{log=\"1\"} 2\nb{log=\"2\"} 3\n# EOF\n";
        assert_eq!(merge([one.to_owned(), two.to_owned()]), merged);
        assert_eq!(merge([]), "# EOF\n");
    }
}
