//! Binding sentences of a specification written in Markdown.

use std::fmt;

/// Key words of RFC 2119 that bind; SHOULD and MAY leave a choice.
const KEY_WORDS: [&str; 3] = ["MUST", "SHALL", "REQUIRED"];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sentence {
    pub(crate) specification: String,
    /// The heading it stands under: the same words may bind in two places.
    pub(crate) section: String,
    /// Its words, white space collapsed, Markdown kept.
    pub(crate) text: String,
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}\t{}", self.specification, self.section, self.text)
    }
}

/// All sentences that hold a key word, or one of `markers`. The paragraph that defines the key words is left out.
pub(crate) fn binding(specification: &str, markdown: &str, markers: &[&str]) -> Vec<Sentence> {
    let binds = |text: &str| {
        let words = |c: char| !c.is_ascii_alphabetic();
        text.split(words).any(|word| KEY_WORDS.contains(&word))
            || markers.iter().any(|marker| text.contains(marker))
    };
    paragraphs(markdown)
        .into_iter()
        .flat_map(|(section, text)| {
            sentences(&text)
                .into_iter()
                .map(move |text| (section.clone(), text))
        })
        .filter(|(_, text)| binds(text) && !text.starts_with("The key words"))
        .map(|(section, text)| Sentence {
            specification: specification.into(),
            section,
            text,
        })
        .collect()
}

/// Paragraphs and list items, each on one line, with the heading above. Code, comments and link targets are left out.
fn paragraphs(markdown: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut section = String::new();
    let mut paragraph = String::new();
    let mut fence = None;
    let mut after_blank = true;
    let mut in_code = false;
    for line in markdown.lines() {
        let words = line.trim();
        if let Some(end) = fence {
            fence = (!words.starts_with(end)).then_some(end);
            continue;
        }
        let opens_fence = ["```", "~~~"]
            .into_iter()
            .find(|mark| words.starts_with(mark));
        let heading = words
            .strip_prefix('#')
            .map(|rest| rest.trim_start_matches('#').trim());
        let item =
            list_item(words).filter(|_| paragraph.is_empty() || paragraph.ends_with(['.', ':']));
        if words.is_empty() || opens_fence.is_some() || heading.is_some() || item.is_some() {
            flush(&mut out, &section, &mut paragraph);
        }
        in_code = (line.starts_with("    ") || line.starts_with('\t')) && (after_blank || in_code);
        after_blank = words.is_empty();
        fence = opens_fence;
        if let Some(heading) = heading {
            section = heading.split(" {").next().unwrap_or(heading).into();
        } else if words.is_empty()
            || opens_fence.is_some()
            || in_code
            || is_link_target(words)
            || words.starts_with("<!--")
        {
            // Nothing of this line is prose.
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(item.unwrap_or(words));
        }
    }
    flush(&mut out, &section, &mut paragraph);
    out
}

fn flush(out: &mut Vec<(String, String)>, section: &str, paragraph: &mut String) {
    if !paragraph.is_empty() {
        let text = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        out.push((section.to_owned(), text));
        paragraph.clear();
    }
}

/// What follows a list mark: `* `, `- ` or `1. `.
fn list_item(words: &str) -> Option<&str> {
    let rest = words.strip_prefix(['*', '-']).or_else(|| {
        words
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .strip_prefix('.')
            .filter(|_| words.starts_with(|c: char| c.is_ascii_digit()))
    })?;
    rest.starts_with(' ').then(|| rest.trim_start())
}

fn is_link_target(words: &str) -> bool {
    words.starts_with('[') && words.contains("]: ")
}

/// A sentence ends with a full stop (perhaps in brackets) before a space and something that can begin another.
fn sentences(paragraph: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut start = 0;
    for (space, _) in paragraph.match_indices(' ') {
        let before = paragraph[start..space].trim_end_matches(')');
        let begins =
            paragraph[space + 1..].starts_with(|c: char| c.is_uppercase() || "`[(<“".contains(c));
        if begins
            && before.ends_with(['.', '?', '!'])
            && !before.ends_with("e.g.")
            && !before.ends_with("i.e.")
        {
            out.push(paragraph[start..space].to_owned());
            start = space + 1;
        }
    }
    out.push(paragraph[start..].to_owned());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Title\n\nThe key words \"MUST\" are as in RFC 2119.\n\n<!-- It MUST not be read. -->\n\n## One\n\n\
        It MUST be, e.g. `x`,\nof two lines (see there). `<N>` is free.\nAnother MUST NOT be (i.e. NEVER).\n\n\
        \x20   code MUST be left out\n\n```\nfenced MUST too\n```\n\n[link]: https://example.com/MUST\n\n\
        ## Two {#anchor}\n\nThe body MUST be a sequence of\n  - a line,\n  - and another.\n\n1. First it MUST.\n2. Then it may.\n";

    #[test]
    fn binding_sentences_are_found_once_and_whole() {
        let found: Vec<(String, String)> = binding("s", TEXT, &[])
            .into_iter()
            .map(|sentence| (sentence.section, sentence.text))
            .collect();
        let expected = [
            ("One", "It MUST be, e.g. `x`, of two lines (see there)."),
            ("One", "Another MUST NOT be (i.e. NEVER)."),
            (
                "Two",
                "The body MUST be a sequence of - a line, - and another.",
            ),
            ("Two", "First it MUST."),
        ]
        .map(|(section, text)| (section.to_owned(), text.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn markers_bind_beside_the_key_words() {
        let found = binding("s", TEXT, &["it may"]);
        assert_eq!(
            found.last().map(|sentence| sentence.text.as_str()),
            Some("Then it may.")
        );
    }
}
