//! Which blocks of Ethereum chains the user trusts: `--block-hash`, `--block-hashes` and `--eth-rpc`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use counterfoil_ethereum::BlockHash;
use counterfoil_evidence::blocks::{Answer, BlockFile, Blocks, MAX_LIST_SIZE, Named, named};
use counterfoil_evidence::format::Evidence;
use url::Url;

use super::node::Node;
use crate::exit::Failure;

/// The flags that say which blocks are trusted.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BlockArgs {
    /// Trust this block of an Ethereum chain, by its hash (0x…); an anchor of the evidence, of which there is one piece, must name it; may be given more than once
    #[arg(long, value_name = "HASH", requires = "trust_file")]
    block_hash: Vec<BlockHash>,
    /// Trust the blocks of Ethereum chains that this file names, a line each: a hash, or a number and a hash; a line `chain 1`
    /// says of which chain those below are; may be given more than once
    #[arg(long, value_name = "FILE", requires = "trust_file")]
    block_hashes: Vec<PathBuf>,
    /// Ask this node of yours (JSON-RPC over HTTP) for the hashes of blocks of its chain; may be given more than once
    #[arg(long, value_name = "URL", requires = "trust_file")]
    eth_rpc: Vec<Url>,
}

/// What the flags say; nodes are asked when there is something to ask.
#[derive(Debug)]
pub(super) struct TrustedBlocks {
    known: Blocks,
    nodes: Vec<Node>,
    asked: Vec<Named>,
}

impl BlockArgs {
    /// Reads what they name.
    pub(super) fn load(&self) -> Result<TrustedBlocks, Failure> {
        let lists = self.block_hashes.iter().map(|path| list(path));
        let nodes = self.eth_rpc.iter().map(Node::new);
        Ok(TrustedBlocks {
            known: Blocks {
                given: self.block_hash.clone(),
                lists: lists.collect::<Result<_, _>>()?,
                answers: Vec::new(),
            },
            nodes: nodes.collect::<Result<_, _>>()?,
            asked: Vec::new(),
        })
    }
}

fn list(path: &Path) -> Result<BlockFile, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_LIST_SIZE as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            Failure::usage(format!(
                "the list of blocks {} cannot be read: {error}",
                path.display()
            ))
        })?;
    BlockFile::parse(format!("the list {}", path.display()), &bytes).map_err(|error| {
        Failure::usage(format!("{} is no list of blocks: {error}", path.display()))
            .advice("docs/evidence.md says what stands in one")
    })
}

impl TrustedBlocks {
    /// Whether blocks were given one by one, which the evidence must then have.
    pub(super) fn are_given(&self) -> bool {
        !self.known.given.is_empty()
    }

    /// What is trusted of the blocks that evidence names. Each node is asked once about each.
    pub(super) async fn about(&mut self, evidence: &Evidence) -> &Blocks {
        if self.nodes.is_empty() {
            return &self.known;
        }
        for block in named(evidence) {
            if self.asked.contains(&block) {
                continue;
            }
            self.asked.push(block);
            for node in &mut self.nodes {
                let says = node.says(&block).await;
                self.known.answers.push(Answer {
                    source: node.words(),
                    about: block,
                    says,
                });
            }
        }
        &self.known
    }
}
