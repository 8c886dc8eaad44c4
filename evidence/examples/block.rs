//! Writes evidence with a block made by hand, for the programs of others to check, and prints the block's hash: no chain has it.
//!
//! ```text
//! cargo run -p counterfoil-evidence --example block -- FILE
//! ```

#[path = "../tests/blocks/mod.rs"]
mod blocks;
#[path = "../tests/fixture/mod.rs"]
mod fixture;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("expected the name of a file")?;
    let receipt = fixture::receipt(&[1, 2]);
    let block = blocks::block(receipt.note().as_bytes());
    let evidence = fixture::evidence(&receipt, &[blocks::anchor(&block.record)]);
    std::fs::write(path, serde_json::to_vec_pretty(&evidence)?)?;
    println!("{}", block.block_hash);
    Ok(())
}
