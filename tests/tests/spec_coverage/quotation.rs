//! Quotations of specifications in comments: `SPEC(name)`, a colon, and the words in quotation marks, over one or more
//! lines of comment. `...` stands for words left out.

pub(crate) struct Quotation {
    pub(crate) specification: String,
    pub(crate) line: usize,
    /// What follows the opening quotation mark, to the end of the comment: the words quoted may have such marks too.
    rest: String,
}

/// Shorter than this, a quotation would be found in any text.
const SHORTEST: usize = 15;

impl Quotation {
    /// Whether it is what the specification says.
    pub(crate) fn is_in(&self, specification: &str) -> bool {
        let specification = collapse(specification);
        self.candidates().any(|words| holds(&specification, words))
    }

    /// Whether it quotes the sentence, or a part of it.
    pub(crate) fn quotes(&self, sentence: &str) -> bool {
        let sentence = collapse(sentence);
        self.candidates()
            .any(|words| words.contains(&sentence) || holds(&sentence, words))
    }

    /// The words up to each of the quotation marks: one of them closes the quotation.
    fn candidates(&self) -> impl Iterator<Item = &str> {
        self.rest
            .match_indices('"')
            .map(|(end, _)| &self.rest[..end])
            .filter(|words| words.len() >= SHORTEST)
    }
}

fn holds(specification: &str, words: &str) -> bool {
    let mut rest = specification;
    words
        .replace('…', "...")
        .split("...")
        .all(|part| match rest.split_once(part.trim()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
}

/// One space between words, and no list marks: they are left out where a list is quoted in running text.
fn collapse(text: &str) -> String {
    text.split_whitespace()
        .filter(|word| !["-", "*"].contains(word))
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) fn find(source: &str) -> Vec<Quotation> {
    let lines: Vec<&str> = source.lines().collect();
    let mut out = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(comment) = comment(line) else {
            continue;
        };
        let Some((_, tagged)) = comment.split_once("SPEC(") else {
            continue;
        };
        let Some((specification, words)) = tagged.split_once("): \"") else {
            continue;
        };
        let following = lines[index + 1..]
            .iter()
            .map_while(|line| self::comment(line));
        let following = following.take_while(|comment| !comment.contains("SPEC("));
        let rest = std::iter::once(words)
            .chain(following)
            .collect::<Vec<_>>()
            .join(" ");
        out.push(Quotation {
            specification: specification.into(),
            line: index + 1,
            rest: collapse(&rest),
        });
    }
    out
}

/// The text of a line that is nothing but a comment.
fn comment(line: &str) -> Option<&str> {
    let text = line.trim_start().strip_prefix("//")?;
    // Examples in documentation have comments of their own inside.
    Some(text.trim_start_matches(['/', '!', ' ']).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotes(comment: &str, specification: &str) -> bool {
        let found = find(comment);
        assert_eq!(found.len(), 1, "{comment}");
        found[0].is_in(specification)
    }

    #[test]
    fn a_sentence_is_quoted_whole_in_part_or_among_others() {
        for (comment, expected) in [
            (
                "// SPEC(s): \"A note MUST be signed by a known key.\"",
                true,
            ),
            ("// SPEC(s): \"A note MUST be signed\"", true),
            (
                "// SPEC(s): \"Be brief. A note MUST be signed by a known key. Be good.\"",
                true,
            ),
            ("// SPEC(s): \"A note MUST be read by a known key.\"", false),
        ] {
            assert_eq!(
                find(comment)[0].quotes("A note MUST be signed by a known key."),
                expected,
                "{comment}"
            );
        }
    }

    #[test]
    fn words_are_compared_over_lines_marks_and_gaps() {
        let specification = "A note MUST be\nsigned by a \"known\" key, and by\n- no other.";
        for comment in [
            "// SPEC(s): \"A note MUST be signed by a\n// \"known\" key, and by no other.\"",
            "    /// SPEC(s): \"A note MUST be ... by no other.\" Why we do it so.",
            "//! SPEC(s): \"signed by a \"known\" key\"",
            "/// // SPEC(s): \"signed by a\n/// // \"known\" key\"",
        ] {
            assert!(quotes(comment, specification), "{comment}");
        }
        for comment in [
            "// SPEC(s): \"A note SHOULD be signed by a\"",
            "// SPEC(s): \"and by no other ... A note MUST be\"",
            "// SPEC(s): \"A note\"",
            "// SPEC(s): \"A note MUST be signed by nobody",
        ] {
            assert!(!quotes(comment, specification), "{comment}");
        }
    }
}
