//! Following logs that behave and logs that do not.

mod common;

use common::{Log, ORIGIN, Tree, log_key, policy};
use counterfoil_anchor::follow::{FollowError, LookError, origin_of};
use counterfoil_anchor::moment::Moment;
use counterfoil_anchor::state::State;
use counterfoil_tiles::checkpoint::Origin;
use counterfoil_tiles::key::Algorithm;
use counterfoil_tiles::policy::Policy;

/// As if this tree had been anchored.
fn anchored(tree: &Tree) -> State {
    State::after(None, tree.note(&[1, 2], 5), Moment::from_seconds(5)).unwrap()
}

#[tokio::test]
async fn a_checkpoint_is_given_as_it_was_signed() {
    let log = Log::start(Tree::new(7)).await;
    let witnessed = log.followed(policy(2)).look(None).await.unwrap();
    assert_eq!(witnessed.note(), &Tree::new(7).note(&[1, 2], 1_700_000_000));
    assert_eq!(witnessed.cosignatures().len(), 2);
    assert_eq!(*log.asked.lock().unwrap(), ["checkpoint"]);
}

#[tokio::test]
async fn what_is_not_under_the_quorum_is_not_anchored() {
    let tree = Tree::new(7);
    let rows: [(&str, u8, &[u8], bool); 6] = [
        ("both of two", 2, &[1, 2], true),
        ("one of two", 2, &[1], false),
        ("one of one", 1, &[2], true),
        ("none", 1, &[], false),
        ("strangers", 1, &[3, 4, 5], false),
        ("none needed", 0, &[], true),
    ];
    let log = Log::start(tree.clone()).await;
    for (name, quorum, witnesses, good) in rows {
        log.serve(&tree, witnesses);
        match log.followed(policy(quorum)).look(None).await {
            Ok(_) => assert!(good, "{name}"),
            Err(error) => {
                assert!(!good && error.is_passing(), "{name}: {error}");
                assert_eq!(error.word(), "no-quorum", "{name}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn each_extension_of_a_tree_is_consistent_and_each_fork_is_one() {
    let sizes = [0, 1, 2, 3, 4, 7, 8, 255, 256, 257, 300, 511, 512, 513, 700];
    let log = Log::start(Tree::new(0)).await;
    let followed = log.followed(policy(1));
    for new in sizes {
        for old in sizes.into_iter().filter(|old| *old <= new) {
            let state = anchored(&Tree::new(old));
            log.serve(&Tree::new(new), &[1]);
            let looked = followed.look(Some(&state)).await;
            assert!(looked.is_ok(), "{old} to {new}: {looked:?}");
            if old == 0 {
                continue;
            }
            // The last entry of the old tree, and the first, are others.
            for from in [old - 1, 0] {
                let forked = Tree::forked(new, from, 1);
                log.serve(&forked, &[1]);
                let error = followed.look(Some(&state)).await.unwrap_err();
                let LookError::Fork { refused, .. } = &error else {
                    panic!("{old} to {new}, from {from}: {error}");
                };
                assert_eq!(**refused, forked.note(&[1], 1_700_000_000));
                assert!(!error.is_passing());
            }
        }
    }
}

#[tokio::test]
async fn a_full_tile_stands_in_for_a_partial_one_that_is_gone() {
    // The log has grown on since the checkpoint, and has only the full tile.
    let log = Log::start(Tree::new(256)).await;
    let note = Tree::new(200).note(&[1], 1);
    log.change(|served| {
        served.checkpoint = note.as_bytes().to_vec();
        served.only_full = true;
    });
    let state = anchored(&Tree::new(100));
    let looked = log.followed(policy(1)).look(Some(&state)).await;
    assert_eq!(looked.unwrap().note(), &note);
    assert!(log.asked.lock().unwrap().contains(&"tile/0/000".to_owned()));
}

#[tokio::test]
async fn damage_is_not_called_a_fork() {
    let state = anchored(&Tree::new(300));
    let log = Log::start(Tree::new(700)).await;
    let followed = log.followed(policy(1));
    let other = |width: usize| vec![7_u8; 32 * width];
    let tiles = ["tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"];
    let widths = [256, 188, 2];
    for (tile, width) in tiles.into_iter().zip(widths) {
        let rows = [
            ("missing", 404, Vec::new(), "tiles"),
            ("others", 200, other(width), "tiles"),
            ("too narrow", 200, other(1), "tiles"),
            ("no tile", 200, vec![1, 2, 3], "tiles"),
            ("empty", 200, Vec::new(), "tiles"),
            ("an error", 500, Vec::new(), "status"),
            ("too long", 200, vec![1; 9_000], "no-answer"),
        ];
        for (name, status, body, word) in rows {
            log.change(|served| served.instead = vec![(tile.to_owned(), status, body)]);
            let error = followed.look(Some(&state)).await.unwrap_err();
            assert_eq!(error.word(), word, "{tile} {name}: {error}");
            assert!(error.is_passing(), "{tile} {name}: {error}");
        }
    }
    log.change(|served| served.instead.clear());
    assert!(followed.look(Some(&state)).await.is_ok());
}

#[tokio::test]
async fn what_is_no_checkpoint_of_the_log_is_named() {
    let tree = Tree::new(7);
    let log = Log::start(tree.clone()).await;
    let followed = log.followed(policy(1));
    let note = tree.note(&[1], 5);
    let signed = note.as_str();
    let rows = [
        ("HTML", 200, "<html>".to_owned(), "not-a-checkpoint"),
        ("empty", 200, String::new(), "not-a-checkpoint"),
        (
            "changed",
            200,
            signed.replacen("\n7\n", "\n8\n", 1),
            "not-a-checkpoint",
        ),
        (
            "another log's",
            200,
            signed.replace(ORIGIN, "example.com/other"),
            "not-a-checkpoint",
        ),
        ("not found", 404, String::new(), "status"),
        ("an error", 503, String::new(), "status"),
        ("a redirect", 302, String::new(), "status"),
        (
            "a megabyte too many",
            200,
            " ".repeat(2_000_000),
            "no-answer",
        ),
    ];
    for (name, status, body, word) in rows {
        let instead = ("checkpoint".to_owned(), status, body.into_bytes());
        log.change(|served| served.instead = vec![instead]);
        let error = followed.look(None).await.unwrap_err();
        assert_eq!(error.word(), word, "{name}: {error}");
        assert!(
            LookError::WORDS.contains(&error.word()) && error.is_passing(),
            "{name}"
        );
    }
    drop(log);
    let error = followed.look(None).await.unwrap_err();
    assert_eq!(error.word(), "no-answer", "{error}");
}

#[tokio::test]
async fn a_log_that_shrank_is_refused() {
    let log = Log::start(Tree::new(7)).await;
    let state = anchored(&Tree::new(8));
    let error = log
        .followed(policy(1))
        .look(Some(&state))
        .await
        .unwrap_err();
    assert_eq!(error.word(), "shrank", "{error}");
    assert!(!error.is_passing());
}

#[test]
fn a_policy_names_one_log() {
    let first = log_key();
    let second = common::key(ORIGIN, Algorithm::Ed25519, 2);
    let other = common::key("example.com/other", Algorithm::Ed25519, 3);
    let rows = [
        ("one key", vec![&first], Ok(ORIGIN)),
        ("two of one log", vec![&first, &second], Ok(ORIGIN)),
        ("two logs", vec![&first, &other], Err(FollowError::Logs(2))),
        ("none", vec![], Err(FollowError::Logs(0))),
    ];
    for (name, keys, expected) in rows {
        let lines = keys.iter().map(|key| format!("log {}\n", key.vkey()));
        let text = format!("{}quorum none\n", lines.collect::<String>());
        let policy = Policy::parse(text.as_bytes()).unwrap();
        let origin = origin_of(&policy);
        let origin = origin.as_ref().map(Origin::as_str);
        assert_eq!(origin, expected.as_ref().copied(), "{name}");
    }
}
