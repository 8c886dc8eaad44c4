//! Small file systems, mounted in a namespace of their own so that nothing is left behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{IN_NAMESPACE, may_skip, own_program};

/// Runs a case in a mount namespace: root's, or that of a user namespace.
pub(crate) fn in_namespace(case: &str, needs_root: bool) -> Option<String> {
    let can = |options: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare
            .args(options)
            .args(["mount", "-t", "tmpfs", "none", "/mnt"]);
        unshare
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let options: &[&str] = if can(&["-m"]) {
        &["-m"]
    } else if !needs_root && can(&["-Urm"]) {
        &["-Urm"]
    } else {
        let reason = "needs root to mount a file system";
        may_skip("COUNTERFOIL_REQUIRE_MOUNT", reason);
        return Some(reason.to_owned());
    };
    let status = Command::new("unshare")
        .args(options)
        .arg(own_program())
        .env(IN_NAMESPACE, case)
        .status()
        .unwrap();
    assert!(status.success(), "{case} failed in its namespace");
    None
}

/// A small file system in a temporary folder.
pub(crate) struct Mounted {
    folder: TempDir,
    image: Option<(TempDir, PathBuf)>,
}

impl Mounted {
    pub(crate) fn tmpfs(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(
            "mount",
            &["-t", "tmpfs", "-o", options, "none", path(folder.path())],
        );
        Self {
            folder,
            image: None,
        }
    }

    /// Blocks of 1,024 bytes and a journal of one megabyte, without a reserve for root. It turns read-only at an error,
    /// and writes nothing by itself while a test lasts.
    pub(crate) fn ext4(megabytes: u64, inodes: u32) -> Self {
        let image = tempfile::tempdir().unwrap();
        let file = image.path().join("image");
        std::fs::File::create(&file)
            .unwrap()
            .set_len(megabytes << 20)
            .unwrap();
        let inodes = inodes.to_string();
        let at_once = "lazy_itable_init=0,lazy_journal_init=0";
        let options = [
            "-q",
            "-F",
            "-b",
            "1024",
            "-m",
            "0",
            "-J",
            "size=1",
            "-E",
            at_once,
            "-N",
            &inodes,
            path(&file),
        ];
        run("mkfs.ext4", &options);
        Self::image(image, file)
    }

    fn image(image: TempDir, file: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = "loop,errors=remount-ro,commit=300,noinit_itable";
        run("mount", &["-o", options, path(&file), path(folder.path())]);
        Self {
            folder,
            image: Some((image, file)),
        }
    }

    /// What a power cut leaves: the image as it is, mounted elsewhere. What is only in the kernel's memory is not there.
    pub(crate) fn after_power_cut(&self) -> Self {
        let (_, file) = self.image.as_ref().unwrap();
        let copy = tempfile::tempdir().unwrap();
        let to = copy.path().join("image");
        std::fs::copy(file, &to).unwrap();
        Self::image(copy, to)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn remount(&self, mode: &str) {
        run(
            "mount",
            &["-o", &format!("remount,{mode}"), path(self.path())],
        );
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: connections to SQLite close in the background. The namespace ends with the process anyway.
        let _ = Command::new("umount")
            .args(["-l", path(self.path())])
            .status();
    }
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}: {status}");
}
