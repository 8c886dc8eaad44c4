//! The web pages as a part of the binary.
//!
//! `make web` builds them into `web/dist`, with Node. Whatever is there when this crate is compiled is embedded, each file also in
//! gzip; a binary that is compiled without them has [`NOT_BUILT`] to show instead. What is embedded does not change while the
//! program runs, and no name leads to a file system.
//!
//! ```
//! match counterfoil_web::find("verifier.html") {
//!     Some(page) => assert_eq!(page.content_type, "text/html; charset=utf-8"),
//!     None => assert!(counterfoil_web::FILES.is_empty()),
//! }
//! assert!(counterfoil_web::find("../Cargo.toml").is_none());
//! ```

#![forbid(unsafe_code)]

#[cfg(test)]
mod collect;

/// A file of the pages.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Its path below the log's prefix, such as `assets/index-ka1cm2TU.js`.
    pub name: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
    /// The same in gzip, where that is smaller by a tenth.
    pub gzip: Option<&'static [u8]>,
}

impl File {
    /// Whether the name stands for these very bytes: it has a part of their hash in it.
    pub fn is_immutable(&self) -> bool {
        self.name.starts_with("assets/")
    }
}

/// All files, by name; none if the pages were not built.
pub static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The page that the log serves at its prefix.
pub const FRONT: &str = "index.html";

/// The verifier as one file, which works without a network and without a log.
pub const VERIFIER: &str = "verifier.html";

/// The page to show where there are none: it says so, and how to get them.
pub const NOT_BUILT: &str = include_str!("../not-built.html");

/// What the pages may do, as they are served: load what the log serves, ask the log, and nothing else.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file of that name.
pub fn find(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}
