//! The bearer token with which a log lets a submitter in.

use std::path::PathBuf;

use clap::Args;

use crate::client::Token;
use crate::exit::Failure;

/// The longest file that is read as a token: they have some dozen characters.
const MAX_TOKEN_FILE_BYTES: usize = 4096;

/// The flags that give the token. It is never an argument itself: arguments are seen by every user of the machine.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TokenArgs {
    /// A file (mode 0600) that holds the bearer token; else the variable `COUNTERFOIL_TOKEN` is the token itself
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

impl TokenArgs {
    /// The token, if there is one.
    pub(crate) fn load(&self) -> Result<Option<Token>, Failure> {
        if let Some(path) = &self.token_file {
            return Ok(Some(Token::new(
                counterfoil_files::read_private(path, MAX_TOKEN_FILE_BYTES)?
                    .trim()
                    .to_owned(),
            )));
        }
        match std::env::var("COUNTERFOIL_TOKEN") {
            Ok(token) if token.is_empty() => Ok(None),
            Ok(token) => Ok(Some(Token::new(token))),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Failure::usage("COUNTERFOIL_TOKEN is not text"))
            }
        }
    }
}
