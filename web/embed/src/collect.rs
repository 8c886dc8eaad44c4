//! What the build script does: finds the built pages, compresses them, and writes the table that lib.rs includes.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// What a folder of built pages must hold.
const REQUIRED: [&str; 2] = ["index.html", "verifier.html"];

/// The content types of the endings that the build is known to make.
const CONTENT_TYPES: [(&str, &str); 5] = [
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
];

/// What is in the folder.
#[derive(Debug)]
pub(crate) enum Found {
    /// All pages.
    Whole(Vec<Collected>),
    /// None: nothing was built.
    Nothing,
    /// Only some: a build was cut off.
    Part {
        /// The first that is missing.
        missing: &'static str,
    },
}

/// A file to embed.
#[derive(Debug)]
pub(crate) struct Collected {
    /// Its path below the folder.
    pub(crate) name: String,
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// In gzip, if that is smaller by a tenth.
    pub(crate) gzip: Option<Vec<u8>>,
}

/// Reads the folder of built pages: the pages themselves, and in `assets` what they load.
pub(crate) fn collect(dist: &Path) -> io::Result<Found> {
    let mut files = Vec::new();
    for (folder, prefix) in [(dist.to_owned(), ""), (dist.join("assets"), "assets/")] {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_file() && !name.starts_with('.') {
                files.push(read(format!("{prefix}{name}"), &entry.path())?);
            }
        }
    }
    // Whatever the order of the file system, the same files make the same binary.
    files.sort_by(|one, other| one.name.cmp(&other.name));
    let missing = |name: &&&str| !files.iter().any(|file| file.name == **name);
    Ok(match REQUIRED.iter().find(missing) {
        None => Found::Whole(files),
        Some(_) if files.is_empty() => Found::Nothing,
        Some(missing) => Found::Part { missing },
    })
}

fn read(name: String, path: &Path) -> io::Result<Collected> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/".contains(c);
    let ending = name.rsplit('.').next().unwrap_or_default();
    let known = CONTENT_TYPES.iter().find(|(known, _)| *known == ending);
    let Some((_, content_type)) = known.filter(|_| name.chars().all(plain)) else {
        let reason = format!("web/dist/{name}: no content type is known for such a name");
        return Err(io::Error::other(reason));
    };
    let bytes = fs::read(path)?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes)?;
    let gzip = encoder.finish()?;
    Ok(Collected {
        name,
        content_type,
        gzip: (gzip.len() < bytes.len() - bytes.len() / 10).then_some(gzip),
        bytes,
    })
}

/// Copies the files into `out`, where no later build of the pages changes them, and gives the table of them as an expression.
pub(crate) fn table(files: &[Collected], out: &Path) -> io::Result<String> {
    let mut table = String::from("&[\n");
    for (number, file) in files.iter().enumerate() {
        // A string, to be written as a literal.
        let path = |name: String| out.join(name).display().to_string();
        let plain = path(number.to_string());
        fs::write(&plain, &file.bytes)?;
        let gzip = match &file.gzip {
            None => "None".to_owned(),
            Some(bytes) => {
                let gzip = path(format!("{number}.gz"));
                fs::write(&gzip, bytes)?;
                format!("Some(include_bytes!({gzip:?}))")
            }
        };
        let (name, content_type) = (&file.name, file.content_type);
        let _ = writeln!(
            table,
            "File {{ name: {name:?}, content_type: {content_type:?}, bytes: include_bytes!({plain:?}), gzip: {gzip} }},"
        );
    }
    table.push(']');
    Ok(table)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("assets")).unwrap();
        fs::write(folder.path().join(".gitignore"), "*").unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn whole(more: &[(&str, &str)]) -> io::Result<Vec<Collected>> {
        let pages = [("index.html", "<p>"), ("verifier.html", "<p>one file")];
        match collect(folder(&[&pages, more].concat()).path())? {
            Found::Whole(files) => Ok(files),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_built_is_found() {
        let long = "a line that repeats itself\n".repeat(100);
        let files = whole(&[("assets/a-1b_2.js", &long), ("assets/a.css", "p{}")]).unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let expected = [
            "assets/a-1b_2.js",
            "assets/a.css",
            "index.html",
            "verifier.html",
        ];
        assert_eq!(names, expected);
        let script = &files[0];
        assert_eq!(script.content_type, "text/javascript; charset=utf-8");
        let mut unpacked = String::new();
        let gzip = script.gzip.as_deref().unwrap();
        GzDecoder::new(gzip).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, long);
        assert!(files[1].gzip.is_none(), "gzip makes three letters longer");
    }

    #[test]
    fn the_table_is_of_copies() {
        let long = "x".repeat(1000);
        let files = whole(&[("assets/a.js", &long)]).unwrap();
        let out = tempfile::tempdir().unwrap();
        let table = table(&files, out.path()).unwrap();
        let first = table.lines().nth(1).unwrap();
        let path = |name: &str| out.path().join(name).display().to_string();
        let (plain, gzip) = (path("0"), path("0.gz"));
        let expected = format!(
            "File {{ name: \"assets/a.js\", content_type: \"text/javascript; charset=utf-8\", \
             bytes: include_bytes!({plain:?}), gzip: Some(include_bytes!({gzip:?})) }},"
        );
        assert_eq!(first, expected);
        assert_eq!(fs::read_to_string(plain).unwrap(), long);
        assert_eq!(Some(fs::read(gzip).unwrap()), files[0].gzip);
        assert!(table.contains("\"index.html\"") && table.contains("gzip: None"));
    }

    #[test]
    fn nothing_is_not_a_part() {
        assert!(matches!(collect(folder(&[]).path()), Ok(Found::Nothing)));
        let nowhere = folder(&[]).path().join("nowhere");
        assert!(matches!(collect(&nowhere), Ok(Found::Nothing)));
        let part = collect(folder(&[("index.html", "")]).path()).unwrap();
        assert!(
            matches!(
                part,
                Found::Part {
                    missing: "verifier.html"
                }
            ),
            "{part:?}"
        );
        let part = collect(folder(&[("assets/a.js", "")]).path()).unwrap();
        assert!(
            matches!(
                part,
                Found::Part {
                    missing: "index.html"
                }
            ),
            "{part:?}"
        );
    }

    #[test]
    fn what_has_no_content_type_is_an_error() {
        for name in ["assets/a.exe", "assets/noending", "assets/a b.js", "a.txt"] {
            let error = whole(&[(name, "")]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("web/dist/{name}: ")), "{error}");
        }
    }
}
