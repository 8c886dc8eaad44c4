//! Which blocks of Ethereum chains a verifier trusts: lists of their hashes, and what the verifier's own nodes say.
//!
//! ```text
//! chain 1                                       # the blocks below are of this chain; before the first such line: of any
//! 23000000 0x6a3e…                              # a block by its number and hash
//! 0x6a3e…                                       # a block by its hash
//! ```
//!
//! docs/evidence.md says what each makes of an anchor. Nothing of it ever comes from evidence.

use std::collections::BTreeMap;

use counterfoil_ethereum::{BlockHash, Header};

use crate::format::{Anchor, Evidence, MAX_NUMBER};
use crate::json::shown;

/// The most blocks of a list.
pub const MAX_BLOCKS: usize = 32_768;

/// The largest file of a list: the most blocks, and as much again of comments.
pub const MAX_LIST_SIZE: usize = 8 << 20;

/// A text names no blocks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlocksError {
    /// Not a block.
    #[error("expected 0x and 64 hexadecimal digits, or a number and that, got {0}")]
    Block(String),
    /// Not the number of a chain.
    #[error("expected the number of a chain, from 1 to {MAX_NUMBER}, got {0}")]
    Chain(String),
    /// One number, two hashes.
    #[error("expected one hash for the block {number}, got {one} and {other}")]
    Number {
        /// The number.
        number: u64,
        /// A hash.
        one: BlockHash,
        /// And another.
        other: BlockHash,
    },
    /// One hash, two numbers.
    #[error("expected one number for the block {hash}, got {one} and {other}")]
    Hash {
        /// The hash.
        hash: BlockHash,
        /// A number.
        one: u64,
        /// And another.
        other: u64,
    },
    /// Too many.
    #[error("expected at most {MAX_BLOCKS} blocks, got more")]
    TooMany,
    /// Not text.
    #[error("expected UTF-8 of at most {MAX_LIST_SIZE} bytes")]
    Text,
}

/// What a source says of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// That it is of the chain, and final.
    Trusted,
    /// That another block has its place, and which.
    Another(String),
    /// Nothing, although it speaks of blocks of that chain, and why.
    Nothing(String),
    /// Nothing of any block of that chain, and why.
    NothingOfChain(String),
}

/// Blocks of one chain that are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockList {
    hashes: BTreeMap<BlockHash, Option<u64>>,
    numbers: BTreeMap<u64, BlockHash>,
}

impl BlockList {
    /// Takes a block as a line names it.
    pub fn take(&mut self, line: &str) -> Result<(), BlocksError> {
        let wrong = || BlocksError::Block(shown(line));
        let words: Vec<&str> = words(line).collect();
        let (number, hash) = match *words {
            [hash] => (None, hash),
            [number, hash] => (Some(decimal(number).ok_or_else(wrong)?), hash),
            _ => return Err(wrong()),
        };
        let hash: BlockHash = hash.parse().map_err(|_| wrong())?;
        if let Some(number) = number {
            let known = *self.numbers.entry(number).or_insert(hash);
            if known != hash {
                let (one, other) = (known, hash);
                return Err(BlocksError::Number { number, one, other });
            }
        }
        let known = self.hashes.entry(hash).or_insert(number);
        match (*known, number) {
            (Some(one), Some(other)) if one != other => {
                return Err(BlocksError::Hash { hash, one, other });
            }
            (None, number) => *known = number,
            _ => {}
        }
        if self.hashes.len() > MAX_BLOCKS {
            return Err(BlocksError::TooMany);
        }
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The blocks, each as a line names it.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.hashes.iter().map(|(hash, number)| match number {
            Some(number) => format!("{number} {hash}"),
            None => hash.to_string(),
        })
    }

    /// What it says of a block.
    pub fn says(&self, header: &Header) -> Says {
        let Header { hash, number, .. } = header;
        match (self.numbers.get(number), self.hashes.get(hash)) {
            (Some(listed), _) if listed != hash => {
                Says::Another(format!("names block {number} as {listed}, not as {hash}"))
            }
            (_, Some(Some(other))) if other != number => Says::Another(format!(
                "gives {hash} the number {other}, and by its header it is block {number}"
            )),
            (_, Some(_)) => Says::Trusted,
            (_, None) => Says::Nothing(format!("does not name block {number}, {hash}")),
        }
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '\t']).filter(|word| !word.is_empty())
}

/// A number in its one spelling.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text && number <= MAX_NUMBER).then_some(number)
}

/// Blocks of one chain or several, from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockFile {
    /// What results call it.
    source: String,
    /// Those of whichever chain under none.
    chains: BTreeMap<Option<u64>, BlockList>,
}

impl BlockFile {
    /// Reads a file: a block on a line, `#` before comments. `source` is what results call it.
    pub fn parse(source: String, bytes: &[u8]) -> Result<Self, BlocksError> {
        if bytes.len() > MAX_LIST_SIZE {
            return Err(BlocksError::Text);
        }
        let text = str::from_utf8(bytes).map_err(|_| BlocksError::Text)?;
        let (mut chain, mut chains) = (None, BTreeMap::<_, BlockList>::new());
        let mut count = 0;
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            match *words(line).collect::<Vec<_>>() {
                [] => {}
                ["chain", number] => {
                    let wrong = || BlocksError::Chain(shown(number));
                    let number = decimal(number).filter(|number| *number > 0);
                    chain = Some(number.ok_or_else(wrong)?);
                }
                _ => {
                    let list = chains.entry(chain).or_default();
                    let before = list.len();
                    list.take(line)?;
                    count += list.len() - before;
                }
            }
            if count > MAX_BLOCKS {
                return Err(BlocksError::TooMany);
            }
        }
        Ok(Self { source, chains })
    }

    /// Blocks of whichever chain speak of none, but where they are about this one.
    fn says(&self, chain_id: u64, header: &Header) -> Says {
        let lists = [None, Some(chain_id)].map(|chain| self.chains.get(&chain));
        let nothing = format!("does not name block {}", header.number);
        let mut said = match lists {
            [_, Some(_)] => Says::Nothing(nothing),
            [_, None] => Says::NothingOfChain(nothing),
        };
        for list in lists.into_iter().flatten() {
            match list.says(header) {
                another @ Says::Another(_) => return another,
                Says::Trusted => said = Says::Trusted,
                Says::Nothing(_) | Says::NothingOfChain(_) => {}
            }
        }
        said
    }
}

/// A block that evidence names: what a node is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Named {
    /// Its chain, as the evidence says.
    pub chain_id: u64,
    /// Its number, as its header says.
    pub number: u64,
    /// Its hash.
    pub hash: BlockHash,
}

/// What a node of the verifier's own says of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What results call the node.
    pub source: String,
    /// The block.
    pub about: Named,
    /// What it says.
    pub says: Says,
}

/// What a verifier trusts of blocks beside the trust file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocks {
    /// Blocks that were given one by one: each must be in the evidence.
    pub given: Vec<BlockHash>,
    /// Lists.
    pub lists: Vec<BlockFile>,
    /// Answers of nodes.
    pub answers: Vec<Answer>,
}

impl Blocks {
    /// What each source says of a block, with what it is called.
    pub(crate) fn say(&self, chain_id: u64, header: &Header) -> Vec<(String, Says)> {
        let mut all = Vec::new();
        if self.given.contains(&header.hash) {
            all.push(("--block-hash".to_owned(), Says::Trusted));
        }
        for list in &self.lists {
            all.push((list.source.clone(), list.says(chain_id, header)));
        }
        let about = Named {
            chain_id,
            number: header.number,
            hash: header.hash,
        };
        for answer in self.answers.iter().filter(|answer| answer.about == about) {
            all.push((answer.source.clone(), answer.says.clone()));
        }
        all
    }

    /// The sources, in words.
    pub(crate) fn sources(&self) -> Vec<String> {
        let given = self.given.iter();
        let mut words: Vec<String> = given
            .map(|hash| format!("the block {hash} (--block-hash)"))
            .collect();
        words.extend(
            self.lists
                .iter()
                .map(|list| format!("the blocks that {} names", list.source)),
        );
        for answer in &self.answers {
            let line = format!("what {} says of blocks", answer.source);
            if !words.contains(&line) {
                words.push(line);
            }
        }
        words
    }
}

/// The blocks that evidence names, each once; those whose header cannot be read are left out.
pub fn named(evidence: &Evidence) -> Vec<Named> {
    let mut all = Vec::new();
    for anchor in evidence.anchors() {
        if let Anchor::Block(block) = anchor
            && let Ok(header) = Header::parse(&block.header)
        {
            let named = Named {
                chain_id: block.chain_id,
                number: header.number,
                hash: header.hash,
            };
            if !all.contains(&named) {
                all.push(named);
            }
        }
    }
    all
}

/// What people call a chain.
pub fn chain_words(chain_id: u64) -> String {
    let name = match chain_id {
        1 => "Ethereum mainnet",
        11_155_111 => "the test network Sepolia",
        17_000 => "the test network Holesky",
        560_048 => "the test network Hoodi",
        31_337 => "a development chain",
        _ => return format!("the chain {chain_id}"),
    };
    format!("{name} (chain {chain_id})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(byte: u8) -> BlockHash {
        BlockHash::from_bytes([byte; 32])
    }

    fn header(number: u64, byte: u8) -> Header {
        let root = counterfoil_ethereum::TrieRoot::from_bytes([0; 32]);
        Header {
            hash: hash(byte),
            number,
            timestamp: 0,
            transactions_root: root,
            receipts_root: root,
        }
    }

    fn file(text: &str) -> Result<BlockFile, BlocksError> {
        BlockFile::parse("blocks.txt".to_owned(), text.as_bytes())
    }

    #[test]
    fn what_lists_say() {
        let (a, b) = (hash(0xaa), hash(0xbb));
        let text = format!(
            "# comment\n7 {a} # seven\n{b}\nchain 1\n\n 9 \t{}\n",
            hash(9)
        );
        let file = file(&text).unwrap();
        let trusted = |chain, header: Header| match file.says(chain, &header) {
            Says::Trusted => "trusted",
            Says::Another(_) => "another",
            Says::Nothing(_) => "nothing",
            Says::NothingOfChain(_) => "nothing of the chain",
        };
        let rows = [
            ("by number and hash", 5, header(7, 0xaa), "trusted"),
            ("of any chain", 1, header(7, 0xaa), "trusted"),
            ("another of that number", 1, header(7, 0xcc), "another"),
            (
                "that hash under another number",
                1,
                header(8, 0xaa),
                "another",
            ),
            (
                "a bare hash under any number",
                1,
                header(77, 0xbb),
                "trusted",
            ),
            ("of its chain", 1, header(9, 9), "trusted"),
            ("of another chain", 2, header(9, 9), "nothing of the chain"),
            ("another of its chain", 1, header(9, 8), "another"),
            ("not there", 1, header(10, 10), "nothing"),
        ];
        for (name, chain, header, expected) in rows {
            assert_eq!(trusted(chain, header), expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let (a, b) = (hash(0xaa), hash(0xbb));
        let rows = [
            ("no hash", "7".to_owned(), "expected 0x"),
            ("a leading zero", format!("07 {a}"), "expected 0x"),
            ("a sign", format!("+7 {a}"), "expected 0x"),
            ("three words", format!("1 7 {a}"), "expected 0x"),
            ("a short hash", "0xabcd".to_owned(), "expected 0x"),
            ("two hashes", format!("7 {a}\n7 {b}"), "one hash"),
            ("two numbers", format!("7 {a}\n8 {a}"), "one number"),
            ("chain 0", "chain 0".to_owned(), "a chain"),
            ("no chain", "chain mainnet".to_owned(), "a chain"),
        ];
        for (name, text, expected) in rows {
            let error = file(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
        let upper = a.to_string().replace('a', "A");
        assert!(
            file(&format!("7 {a}\n{upper}\n7 {a}\n")).is_ok(),
            "the same again"
        );
        let blocks = |count: usize| {
            let lines = (0..count).map(|n| format!("0x{n:064x}\n"));
            file(&lines.collect::<String>())
        };
        assert!(blocks(MAX_BLOCKS).is_ok());
        assert_eq!(blocks(MAX_BLOCKS + 1), Err(BlocksError::TooMany));
        let of_chains = |count: usize| {
            let lines = (0..count).map(|n| format!("chain {}\n0x{n:064x}\n", n + 1));
            let again = format!("chain 1\n0x{:064x}\n", 0);
            file(&format!("{}{again}", lines.collect::<String>()))
        };
        assert!(of_chains(MAX_BLOCKS).is_ok(), "a chain each");
        assert_eq!(of_chains(MAX_BLOCKS + 1), Err(BlocksError::TooMany));
    }
}
