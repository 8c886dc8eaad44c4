//! `counterfoil key`: make keys and show their public half.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use counterfoil_tiles::key::{Algorithm, KeyName, PrivateKey, SEED_SIZE, Seed, Vkey};
use rand::TryRng;
use rand::rngs::SysRng;
use serde_json::json;
use zeroize::Zeroizing;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// The longest file that is read as a key: an encoded ML-DSA-44 or Ed25519 seed has under 400 bytes.
const MAX_KEY_FILE_BYTES: usize = 4096;

/// `counterfoil key`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a private key, and print its vkey
    ///
    /// The seed comes from the operating system. The file is created with mode 0600 and never over another; its secret
    /// is never printed. What is printed is the vkey, the public half, which verifiers configure.
    #[command(after_help = "\
Examples:
  counterfoil key generate --name example.com/log log.key
  counterfoil key generate --name example.com/log --algorithm ml-dsa-44 log-mldsa.key
  counterfoil key generate --name witness.example/w1 --algorithm ed25519-cosignature witness.key")]
    Generate(GenerateArgs),
    /// Print the vkey of a private key, and say what it is
    #[command(after_help = "\
Examples:
  counterfoil key show log.key
  counterfoil --json key show log.key")]
    Show(ShowArgs),
}

/// `counterfoil key generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The key name: for a log its origin, for a witness its name, as a URL without scheme
    #[arg(long, value_name = "NAME")]
    name: KeyName,
    /// How the key signs
    #[arg(long, value_enum, default_value_t = AlgorithmName::Ed25519)]
    algorithm: AlgorithmName,
    /// The file for the private key; must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// `counterfoil key show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The file of the private key
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The algorithms by the names that a user types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AlgorithmName {
    /// Ed25519 (signature type 0x01): signs the checkpoints of a log
    #[value(name = "ed25519")]
    Ed25519,
    /// Timestamped Ed25519 cosignatures (0x04): for a witness
    #[value(name = "ed25519-cosignature")]
    CosignatureV1,
    /// Timestamped ML-DSA-44 cosignatures (0x06), safe against quantum computers: for a witness or a log
    #[value(name = "ml-dsa-44")]
    MlDsa44,
}

impl From<AlgorithmName> for Algorithm {
    fn from(name: AlgorithmName) -> Self {
        match name {
            AlgorithmName::Ed25519 => Self::Ed25519,
            AlgorithmName::CosignatureV1 => Self::CosignatureV1,
            AlgorithmName::MlDsa44 => Self::MlDsa44,
        }
    }
}

/// Runs `counterfoil key`.
pub(crate) fn run(command: KeyCommand, output: Output) -> Result<Exit, Failure> {
    match command {
        KeyCommand::Generate(args) => {
            let key = generate(args.name.clone(), args.algorithm.into())?;
            let text = Zeroizing::new(format!("{}\n", *key.encode()));
            counterfoil_files::create_private(&args.file, &text)?;
            tell(key.vkey(), &args, output);
        }
        KeyCommand::Show(args) => {
            let key = load(&args.file)?;
            output.line(key.vkey());
            output.json(&describe(key.vkey(), &args.file));
        }
    }
    Ok(Exit::Done)
}

/// A new private key, its seed from the operating system.
pub(crate) fn generate(name: KeyName, algorithm: Algorithm) -> Result<PrivateKey, Failure> {
    let mut seed = Zeroizing::new([0; SEED_SIZE]);
    SysRng
        .try_fill_bytes(seed.as_mut_slice())
        .map_err(|error| {
            Failure::could_not_tell(format!("the operating system gives no randomness: {error}"))
        })?;
    Ok(PrivateKey::new(name, algorithm, Seed::new(*seed))?)
}

/// Loads a private key from its file.
pub(crate) fn load(file: &std::path::Path) -> Result<PrivateKey, Failure> {
    let text = counterfoil_files::read_private(file, MAX_KEY_FILE_BYTES)?;
    text.trim_end_matches('\n').parse().map_err(|error| {
        Failure::usage(format!("{} is not a private key: {error}", file.display()))
            .advice("a private key is one line, PRIVATE+KEY+<name>+<key ID>+<base64>; make one with `counterfoil key generate`")
    })
}

fn tell(vkey: &Vkey, args: &GenerateArgs, output: Output) {
    output.line(vkey);
    output.json(&describe(vkey, &args.file));
    output.note(format!(
        "The private key is in {} (mode 0600). Whoever has it can sign as {}: keep a copy where only you can read it.",
        args.file.display(),
        vkey.name()
    ));
}

fn describe(vkey: &Vkey, file: &std::path::Path) -> serde_json::Value {
    json!({
        "outcome": Exit::Done.word(),
        "vkey": vkey.to_string(),
        "name": vkey.name().as_str(),
        "key_id": vkey.id().to_string(),
        "algorithm": vkey.algorithm().to_string(),
        "file": file,
    })
}
