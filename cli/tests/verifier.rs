//! `counterfoil verifier` writes the page of the binary, or says that it has none.

mod common;

use common::Counterfoil;
use sha2::{Digest, Sha256};

#[test]
fn the_verifier_is_written_as_it_was_built() {
    let counterfoil = Counterfoil::new();
    let Some(page) = counterfoil_web::find(counterfoil_web::VERIFIER) else {
        let ran = counterfoil.run(["verifier"]);
        assert_eq!(ran.code, 2);
        assert!(
            ran.stderr.contains("built without the web pages"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("make web"), "{}", ran.stderr);
        assert!(!counterfoil.path("verifier.html").exists());
        return;
    };
    let sha256 = hex::encode(Sha256::digest(page.bytes));
    let ran = counterfoil.run(["verifier"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let line = format!(
        "verifier.html: {} bytes, SHA-256 {sha256}\n",
        page.bytes.len()
    );
    assert_eq!(ran.stdout, line);
    let written = std::fs::read(counterfoil.path("verifier.html")).unwrap();
    assert!(written == page.bytes);

    // It is written over what is there: an older one, say.
    counterfoil.write("kept/v.html", "an older one");
    let ran = counterfoil.run(["verifier", "--json", "-o", "kept/v.html"]);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["sha256"], sha256);
    assert!(std::fs::read(counterfoil.path("kept/v.html")).unwrap() == page.bytes);

    let ran = counterfoil.run(["verifier", "--output", "-"]);
    assert!(ran.stdout.as_bytes() == page.bytes);
    assert_eq!(ran.stderr, format!("SHA-256 {sha256}\n"));

    let ran = counterfoil.run(["verifier", "--output", "nowhere/v.html"]);
    assert_eq!(ran.code, 3);
    assert!(
        ran.stderr.contains("nowhere/v.html cannot be written"),
        "{}",
        ran.stderr
    );
}
