//! The whole service: real files, a real database, real sockets.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::tsa::{FakeRecordJudge, FakeTsa};
use common::{Log, Tree, policy_text};
use counterfoil_anchor::config::{AuthorityConfig, Config};
use counterfoil_anchor::data;
use counterfoil_anchor::judge::Judge;
use counterfoil_anchor::run::{Judges, MakeJudge, RunError, once, plan, start};
use counterfoil_service::client::{Call, Client, ClientOptions, Sent};
use counterfoil_service::config::Settings as _;
use tempfile::TempDir;
use tokio::sync::oneshot;

struct World {
    directory: TempDir,
    log: Log,
    authority: FakeTsa,
}

type Made = Result<Arc<dyn Judge>, Box<dyn std::error::Error + Send + Sync>>;

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("log.policy"), policy_text(2)).unwrap();
        data::create(&directory.path().join("data")).await.unwrap();
        Self {
            directory,
            log: Log::start(Tree::new(7)).await,
            authority: FakeTsa::start("tsa").await,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn config(&self, more: &str) -> Config {
        let text = format!(
            "data = \"data\"\nlisten = [\"127.0.0.1:0\"]\n\
             [[log]]\nurl = \"{}\"\npolicy = \"log.policy\"\n\
             [[authority]]\nname = \"tsa\"\nurl = \"{}tsr\"\nroots = [\"root.pem\"]\n{more}",
            self.log.url, self.authority.url
        );
        std::fs::write(self.path("anchor.toml"), text).unwrap();
        Config::load(&self.path("anchor.toml"), &[]).unwrap()
    }

    fn make(&self) -> impl Fn(&AuthorityConfig) -> Made + use<> {
        let (judge, root) = (self.authority.judge(), self.path("root.pem"));
        move |config: &AuthorityConfig| {
            assert_eq!(config.roots, [root.as_path()]);
            Ok(Arc::clone(&judge))
        }
    }

    fn judges(make: MakeJudge<'_>) -> Judges<'_> {
        Judges {
            make,
            records: Arc::new(FakeRecordJudge),
        }
    }

    fn records(&self) -> Vec<String> {
        fn walk(folder: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    walk(&entry.path(), found);
                } else {
                    found.push(entry.file_name().into_string().unwrap());
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.path("data/records"), &mut found);
        found.sort();
        found
    }
}

async fn text(url: &str) -> String {
    let client = Client::new(&ClientOptions::default()).unwrap();
    let call = Call {
        sent: Sent::Get,
        url,
        accept: None,
        deadline: Duration::from_secs(20),
        limit: 1 << 20,
    };
    let answer = client.call(call).await.unwrap();
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test]
async fn it_anchors_serves_and_ends_and_its_records_stay() {
    let world = World::new().await;
    let config = world.config("");
    let running = start(&config, &World::judges(&world.make())).await.unwrap();
    let url = format!("http://{}", running.addresses()[0]);
    // One process at a time.
    let second = start(&config, &World::judges(&world.make())).await;
    assert!(
        matches!(second, Err(RunError::Data(data::DataError::Lock(_)))),
        "{second:?}"
    );
    let worker = running.worker().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(running.run(async {
        let _ = stopped.await;
    }));
    let anchored = async {
        while worker.status()[0].newest.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), anchored)
        .await
        .unwrap();
    assert!(
        text(&format!("{url}/metrics"))
            .await
            .contains("counterfoil_anchor_newest_age_seconds")
    );
    drop(worker);
    stop.send(()).unwrap();
    task.await.unwrap();
    assert_eq!(world.records(), ["checkpoint", "rfc3161-tsa"]);
    // Its end gave the data back, and the next one knows all.
    let running = start(&config, &World::judges(&world.make())).await.unwrap();
    let logs = running
        .worker()
        .records()
        .with_index(|index| index.logs().len());
    assert_eq!(logs, 1);
}

#[tokio::test]
async fn once_needs_no_service() {
    let world = World::new().await;
    let config = world.config("");
    let done = once(&config, &World::judges(&world.make()), None)
        .await
        .unwrap();
    assert!(done.ethereum.is_none());
    assert_eq!(done.logs.len(), 1);
    assert!(done.logs[0].stamped.as_ref().unwrap()[0].result.is_ok());
    assert_eq!(world.records(), ["checkpoint", "rfc3161-tsa"]);
}

#[tokio::test]
async fn what_cannot_be_used_is_named_before_anything_is_opened() {
    let world = World::new().await;
    let make = world.make();
    let no_judge = |_: &AuthorityConfig| -> Made { Err("no certificate in root.pem".into()) };
    let error = plan(&world.config(""), &no_judge).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the authority tsa: no certificate in root.pem"
    );

    let other = Log::start(Tree::new(1)).await;
    let again = format!(
        "[[log]]\nurl = \"{}\"\npolicy = \"log.policy\"\n",
        other.url
    );
    let error = plan(&world.config(&again), &make).unwrap_err();
    assert!(matches!(error, RunError::SameLog { .. }), "{error}");

    let config = world.config("");
    std::fs::write(world.path("log.policy"), "nonsense\n").unwrap();
    let error = plan(&config, &make).unwrap_err();
    assert!(error.to_string().contains("log.policy"), "{error}");
    std::fs::remove_file(world.path("log.policy")).unwrap();
    let error = plan(&config, &make).unwrap_err();
    assert!(matches!(error, RunError::File { .. }), "{error}");

    std::fs::write(world.path("log.policy"), policy_text(2)).unwrap();
    let mut config = world.config("");
    config.data = world.path("elsewhere");
    let error = start(&config, &World::judges(&make)).await.unwrap_err();
    assert!(error.to_string().contains("anchor init"), "{error}");
    let again = data::create(&world.path("data")).await.unwrap_err();
    assert!(matches!(again, data::DataError::Present { .. }), "{again}");
}
