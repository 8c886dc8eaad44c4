//! Trust in blocks of an Ethereum chain: the table `[[ethereum]]`.

use counterfoil_ethereum::Address;

use super::table::{self, Table};
use super::{TrustError, part};
use crate::blocks::{BlockList, MAX_BLOCKS};
use crate::format::MAX_NUMBER;
use crate::json::shown;
use crate::names::AuthorityName;

/// Trust in blocks of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub(super) name: AuthorityName,
    pub(super) id: u64,
    pub(super) destination: Option<Address>,
    pub(super) blocks: BlockList,
}

impl Chain {
    /// Trust in no block of a chain yet, whatever its transactions go to.
    pub fn new(name: AuthorityName, chain_id: u64) -> Self {
        Self {
            name,
            id: chain_id,
            destination: None,
            blocks: BlockList::default(),
        }
    }

    /// The same, for transactions to this address only.
    #[must_use]
    pub fn with_destination(self, destination: Address) -> Self {
        let destination = Some(destination);
        Self {
            destination,
            ..self
        }
    }

    /// What the verifier calls it.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The chain.
    pub fn chain_id(&self) -> u64 {
        self.id
    }

    /// Where transactions must go; anywhere if there is none.
    pub fn destination(&self) -> Option<Address> {
        self.destination
    }

    /// The blocks that are trusted.
    pub fn blocks(&self) -> &BlockList {
        &self.blocks
    }

    pub(super) fn check(&self) -> Result<(), TrustError> {
        if (1..=MAX_NUMBER).contains(&self.id) {
            return Ok(());
        }
        let path = format!("ethereum {}: chain_id", self.name);
        let expected = format!("a number from 1 to {MAX_NUMBER}");
        Err(part(path, expected, self.id.to_string()))
    }
}

/// The table, each key of the right type.
pub(super) struct ChainTable {
    name: String,
    chain_id: u64,
    destination: Option<String>,
    block_hashes: Vec<String>,
}

impl ChainTable {
    pub(super) fn of(mut table: Table<'_>) -> Result<Self, TrustError> {
        let read = Self {
            name: table.take("name", table::text)?,
            chain_id: table.take("chain_id", table::integer)?,
            destination: table.optional("destination", table::text)?,
            block_hashes: table
                .optional("block_hashes", table::texts)?
                .unwrap_or_default(),
        };
        table.end()?;
        Ok(read)
    }

    pub(super) fn read(self) -> Result<Chain, TrustError> {
        let name: AuthorityName = self.name.parse().map_err(|_| {
            let expected = "1 to 40 of a-z, 0-9 and - between them";
            part("ethereum: name", expected, shown(&self.name))
        })?;
        let path = |key| format!("ethereum {name}: {key}");
        let destination = self.destination.map(|text| {
            let expected = "an address, 0x and 40 hexadecimal digits";
            text.parse()
                .map_err(|_| part(path("destination"), expected, shown(&text)))
        });
        let mut blocks = BlockList::default();
        for line in &self.block_hashes {
            let wrong = |error: crate::blocks::BlocksError| {
                let expected =
                    format!("up to {MAX_BLOCKS} blocks that do not contradict each other");
                part(
                    path("block_hashes"),
                    expected,
                    format!("{} ({error})", shown(line)),
                )
            };
            blocks.take(line).map_err(wrong)?;
        }
        Ok(Chain {
            destination: destination.transpose()?,
            id: self.chain_id,
            blocks,
            name,
        })
    }
}
