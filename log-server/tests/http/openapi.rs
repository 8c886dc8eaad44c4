//! The description is of what is served, and all that is served is described.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::server::{TestServer, header, one};

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"];

async fn description(server: &TestServer) -> Value {
    server.get("/openapi.json").await.json().await.unwrap()
}

/// The path with an example of each of its parameters.
fn example(path: &str) -> String {
    let path = path
        .replace("{leaf_hash}", &"00".repeat(32))
        .replace("{level}", "0");
    let index = if path.starts_with("/tile") {
        "000"
    } else {
        "0"
    };
    path.replace("{index}", index).replace("{width}", "1")
}

/// The methods that each path has in the description.
fn described(description: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let paths = description["paths"].as_object().unwrap();
    let methods = |item: &Value| {
        let keys = item.as_object().unwrap().keys();
        keys.map(|key| key.to_uppercase())
            .filter(|key| METHODS.contains(&key.as_str()))
            .collect()
    };
    paths
        .iter()
        .map(|(path, item)| (path.clone(), methods(item)))
        .collect()
}

#[tokio::test]
async fn each_described_method_is_served_and_no_other() {
    let server = one("", "").await;
    server.log().fill([b"x".to_vec()]);
    for (path, methods) in described(&description(&server).await) {
        let example = example(&path);
        for method in METHODS {
            let answer = server.request(method, &example).send().await.unwrap();
            let (status, allow) = (answer.status(), header(&answer, "allow"));
            let body = answer.text().await.unwrap();
            let name = format!("{method} {path}: {status} {body}");
            if methods.contains(method) {
                assert_ne!(status, 405, "{name}");
                assert!(!body.contains("there is nothing at this path"), "{name}");
            } else {
                assert_eq!(status, 405, "{name}");
                let allowed: BTreeSet<String> = allow
                    .split(", ")
                    .filter(|method| !["HEAD", "OPTIONS"].contains(method))
                    .map(str::to_owned)
                    .collect();
                assert_eq!(allowed, methods, "{name}");
            }
        }
    }
    server.end().await;
}

/// Routes can be found nowhere but in the source: each string there that looks like a path is tried.
#[tokio::test]
async fn each_served_path_is_described() {
    let server = one("", "").await;
    server.log().fill([b"x".to_vec()]);
    let described = described(&description(&server).await);
    let examples: BTreeSet<String> = described.keys().map(|path| example(path)).collect();
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![source.join("http.rs"), source.join("serve.rs")];
    files.extend(
        std::fs::read_dir(source.join("http"))
            .unwrap()
            .map(|entry| entry.unwrap().path()),
    );
    let mut tried = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let literals = text.split('"').filter(|literal| {
            literal.starts_with('/') && literal.bytes().all(|b| b.is_ascii_graphic())
        });
        for literal in literals {
            let path = example(literal);
            let answer = server.get(&path).await;
            let found = !answer
                .text()
                .await
                .unwrap()
                .contains("there is nothing at this path");
            let prefix = path.len() > 1 && path.ends_with('/');
            let known = examples
                .iter()
                .any(|known| *known == path || prefix && known.starts_with(&path));
            assert_eq!(found, known, "{path} in {}", file.display());
            tried += 1;
        }
    }
    assert!(
        tried >= described.len(),
        "only {tried} paths were found in the source"
    );
    for name in counterfoil_log_server::config::RESERVED_SEGMENTS {
        let path = format!("/{name}");
        let starts =
            |described: &String| *described == path || described.starts_with(&format!("{path}/"));
        let answer = server.get(&path).await.text().await.unwrap();
        let found = !answer.contains("there is nothing at this path");
        assert!(
            !found || examples.iter().any(starts),
            "{path} is served, but not described"
        );
    }
    server.end().await;
}

#[tokio::test]
async fn the_front_page_names_each_endpoint() {
    let server = one("", "").await;
    let page = server.get("/").await.text().await.unwrap();
    for (path, _) in described(&description(&server).await) {
        let first = path
            .trim_start_matches('/')
            .split(['/', '{'])
            .next()
            .unwrap();
        assert!(page.contains(first), "{path} is not in\n{page}");
    }
    server.end().await;
}

#[tokio::test]
async fn the_description_is_openapi_3_1() {
    let server = one("", "").await;
    let description = description(&server).await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(description["servers"][0]["description"], "log log.example");
    let schemas = description["components"]["schemas"].as_object().unwrap();
    // Whatever is referred to is there.
    let text = description.to_string();
    let references: BTreeSet<&str> = text
        .split("#/components/schemas/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(references.contains("Problem") && references.contains("LogStatus"));
    for reference in references {
        assert!(schemas.contains_key(reference), "{reference}");
    }
    server.end().await;
}
