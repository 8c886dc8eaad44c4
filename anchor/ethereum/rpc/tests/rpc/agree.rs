//! An endpoint that makes up whole blocks, beside others: no round ends in one that another endpoint contradicts, and nobody who fails
//! holds a round back.

mod driven;

use counterfoil_ethereum::TransactionHash;
use counterfoil_ethereum_rpc::Chain;
use counterfoil_ethereum_sender::Timestamp;
use counterfoil_ethereum_sender::chain::{
    Anchor, Block, ChainOutcome, ChainRequest, Execution, Observation, Whereabouts,
};
use serde_json::json;

use crate::common::{chain, not_done, observe, observed, sent, signed, unsigned};
use crate::fake::{CHAIN_ID, Fake, Reply};

/// An endpoint with a transaction in a final block, and another one with the blocks before it.
struct Scene {
    one: Fake,
    two: Fake,
    transaction: TransactionHash,
    /// The block of the transaction.
    number: u64,
}

impl Scene {
    /// The transaction is in block 10 of one, and 12 is final there; two has the blocks up to 9.
    async fn start() -> Self {
        Self::of(Fake::start().await, false).await
    }

    async fn of(one: Fake, is_reverted: bool) -> Self {
        Self::mined(one, is_reverted, 7).await
    }

    async fn mined(one: Fake, is_reverted: bool, blocks: u64) -> Self {
        let two = one.branch().await;
        if is_reverted {
            one.world().reverts.push(0);
        }
        let alone = chain(CHAIN_ID, &[&one.url]);
        let first = signed(&alone, unsigned(CHAIN_ID, 0, 1)).await;
        sent(&alone, &first).await;
        let number = one.world().head() + 1;
        one.mine(blocks);
        Self {
            one,
            two,
            transaction: first.0,
            number,
        }
    }

    /// Two has the blocks of one.
    fn agree(&self) {
        self.two.world().follow(&self.one.world());
    }

    fn both(&self) -> Chain {
        chain(CHAIN_ID, &[&self.one.url, &self.two.url])
    }

    fn at(&self, number: u64) -> Block {
        let hash = self.one.world().hash(number).to_string();
        Block {
            number,
            hash: hash.parse().unwrap(),
        }
    }

    async fn observed(&self, chain: &Chain) -> Observation {
        observed(chain, &[self.transaction]).await
    }

    /// Both endpoints are looked at; of the transaction nothing is asked.
    async fn observed_before(&self, chain: &Chain) {
        observed(chain, &[]).await;
        assert_eq!(set_aside(chain), 0);
    }

    /// What may end a round. Of a transaction that was undone nothing is captured.
    fn ends(&self) -> Vec<ChainRequest> {
        let is_reverted = !self.one.world().reverts.is_empty();
        let mut ends = vec![
            ChainRequest::Observe {
                attempts: vec![self.transaction],
                nonce: 0,
                anchored: Vec::new(),
            },
            ChainRequest::FindNonce {
                nonce: 0,
                after: 9,
                until: self.at(12),
                taker: None,
                not: Vec::new(),
            },
            ChainRequest::Capture {
                block: self.at(10),
                transaction: self.transaction,
            },
        ];
        if is_reverted {
            ends.pop();
        }
        ends
    }
}

/// The endpoint as it is named.
fn shown(fake: &Fake) -> String {
    fake.url.trim_end_matches("/s3cret").to_owned()
}

fn is_included(observation: &Observation) -> bool {
    matches!(observation.attempts[..], [Whereabouts::Included(_)])
}

/// How many calls it got.
fn calls(fake: &Fake) -> usize {
    fake.world().calls.len()
}

/// How many are set aside.
fn set_aside(chain: &Chain) -> usize {
    let status = chain.endpoints_status();
    let aside = status.iter().filter(|one| one.set_aside.is_some());
    aside.count()
}

#[tokio::test]
async fn a_final_block_that_another_endpoint_contradicts_ends_no_round() {
    for is_reverted in [false, true] {
        let scene = Scene::of(Fake::start().await, is_reverted).await;
        scene.two.mine(7);
        let other = scene.two.world().hash(10);
        let expected = format!(
            "the endpoints contradict each other about block 10, on which the round depends: it is {} at {} (number 0), {other} at {} (number 1): no round ends in it before whoever is wrong is taken out of `rpc`",
            scene.at(10).hash,
            shown(&scene.one),
            shown(&scene.two),
        );
        for request in scene.ends() {
            let both = scene.both();
            // Nor when it is asked again.
            for _ in 0..2 {
                let outcome = both.carry_out(request.clone()).await;
                assert_eq!(not_done(outcome), expected);
            }
            assert_eq!(set_aside(&both), 0);
        }
        // Who of them lies is not known: so it is the other way round as well.
        let both = chain(CHAIN_ID, &[&scene.two.url, &scene.one.url]);
        let observation = scene.observed(&both).await;
        assert_eq!(observation.attempts, [Whereabouts::Absent]);
    }
}

#[tokio::test]
async fn without_another_endpoint_one_is_believed() {
    for (is_reverted, execution) in [(false, Execution::Succeeded), (true, Execution::Reverted)] {
        let scene = Scene::of(Fake::start().await, is_reverted).await;
        let alone = chain(CHAIN_ID, &[&scene.one.url]);
        let observation = scene.observed(&alone).await;
        let [Whereabouts::Included(inclusion)] = observation.attempts[..] else {
            panic!("{observation:?}");
        };
        assert_eq!(inclusion.execution, execution);
        for request in scene.ends() {
            let outcome = alone.carry_out(request).await;
            assert!(!matches!(outcome, ChainOutcome::NotDone(_)), "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn what_agrees_is_named_beside_what_it_agrees_with() {
    let scene = Scene::start().await;
    let three = scene.one.branch().await;
    scene.two.mine(7);
    let urls = [
        &*scene.one.url,
        &*scene.two.url,
        &*three.url,
        "http://127.0.0.1:1/",
    ];
    let all = chain(CHAIN_ID, &urls);
    let words = format!(
        "it is {} at {} (number 0) and {} (number 2), ",
        scene.at(10).hash,
        shown(&scene.one),
        shown(&three)
    );
    let mut before = 0;
    for _ in 0..2 {
        let outcome = observe(&all, &[scene.transaction], &[]).await;
        let why = not_done(outcome);
        assert!(why.contains(&words), "{why}");
        // Whoever has shown the block is not asked again.
        assert!(before == 0 || before == calls(&three));
        before = calls(&three);
    }
}

type Trouble = fn(&str, serde_json::Value) -> Reply;

/// What keeps the other endpoint from having a say.
const NO_SAY: [(&str, Trouble); 6] = [
    ("it is down", |_, _| Reply::Drop),
    ("it is of another chain", |method, answer| match method {
        "eth_chainId" => Reply::Answer(json!({"result": "0x5"})),
        _ => Reply::Answer(answer),
    }),
    ("it answers with an error", |method, answer| match method {
        "eth_getBlockByNumber" => {
            Reply::Answer(json!({"error": {"code": -32_000, "message": "no"}}))
        }
        _ => Reply::Answer(answer),
    }),
    ("it shows no headers", |method, mut answer| {
        if method == "eth_getBlockByNumber" {
            answer["result"]["hash"] = json!("0x00");
        }
        Reply::Answer(answer)
    }),
    ("it is limited", |_, _| {
        Reply::Raw(429, "text/plain", b"slow down".to_vec())
    }),
    ("it stalls", |_, _| Reply::Stall),
];

#[tokio::test]
async fn an_endpoint_that_fails_has_no_say() {
    for (name, trouble) in NO_SAY {
        let scene = Scene::start().await;
        scene.two.mine(7);
        let both = scene.both();
        // It begins to fail after the endpoints were looked at.
        scene.observed_before(&both).await;
        scene
            .two
            .tamper(move |method, _, answer| trouble(method, answer));
        let observation = scene.observed(&both).await;
        assert!(is_included(&observation), "{name}");
        let status = both.endpoints_status();
        assert_eq!(status[1].failed, 1, "{name}");
        assert!(status[1].set_aside.is_some(), "{name}");
        // While it is set aside it is not asked, whatever it would say.
        scene.two.honest();
        let before = calls(&scene.two);
        for request in scene.ends() {
            let outcome = both.carry_out(request).await;
            assert!(
                !matches!(outcome, ChainOutcome::NotDone(_)),
                "{name}: {outcome:?}"
            );
        }
        assert_eq!(calls(&scene.two), before, "{name}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_behind_has_no_say_and_one_that_follows_is_waited_for() {
    // 120 s ago both had the same blocks; after that only one has new ones.
    let one = Fake::aged(120).await;
    let two = one.branch().await;
    one.world().skip(110);
    let alone = chain(CHAIN_ID, &[&one.url]);
    let first = signed(&alone, unsigned(CHAIN_ID, 0, 1)).await;
    sent(&alone, &first).await;
    one.mine(7);
    let both = chain(CHAIN_ID, &[&one.url, &two.url]);
    let observation = observed(&both, &[first.0]).await;
    assert!(is_included(&observation));
    // So it is where that shows only when it is asked for the block.
    let scene = Scene::start().await;
    let both = scene.both();
    scene.observed_before(&both).await;
    let old = Fake::aged(400).await;
    scene.two.world().follow(&old.world());
    scene.observed(&both).await;
    let why = both.endpoints_status()[1].set_aside.clone().unwrap().why;
    assert!(why.contains("its newest block 9 is 4"), "{why}");

    let scene = Scene::start().await;
    let both = scene.both();
    let outcome = observe(&both, &[scene.transaction], &[]).await;
    let expected = format!(
        "block 10, {}, has what the round depends on, and is waited for at {} (number 1), whose newest block is 9",
        scene.at(10).hash,
        shown(&scene.two)
    );
    assert_eq!(not_done(outcome), expected);
    assert_eq!(set_aside(&both), 0);
    scene.agree();
    scene.observed(&both).await;
}

#[tokio::test]
async fn a_block_above_all_of_another_endpoint_that_goes_on_is_contradicted() {
    // Block 19 of one comes before block 11 of the other, by their times.
    let one = Fake::start().await;
    let two = one.branch().await;
    one.mine(9);
    let scene = Scene::of(one, false).await;
    assert_eq!(scene.number, 19);
    scene.two.world().follow(&two.world());
    scene.two.world().skip(10);
    scene.two.mine(2);
    let words = format!(
        "none at {} (number 1), whose newest block is 11",
        shown(&scene.two)
    );
    let both = scene.both();
    let why = not_done(observe(&both, &[scene.transaction], &[]).await);
    assert!(why.contains(&words), "{why}");
    // So it is where numbers so high are refused.
    scene.two.tamper(|_, params, answer| {
        if params[0] == "0x13" {
            let error = json!({"code": -32_602, "message": "block number larger than int64"});
            return Reply::Answer(json!({"error": error}));
        }
        Reply::Answer(answer)
    });
    let why = not_done(observe(&both, &[scene.transaction], &[]).await);
    assert!(why.contains(&words), "{why}");
    assert_eq!(set_aside(&both), 0);
}

#[tokio::test]
async fn a_block_below_the_newest_that_another_endpoint_leaves_out_is_contradicted() {
    let scene = Scene::start().await;
    scene.two.mine(7);
    scene.two.tamper(|_, params, mut answer| {
        if params[0] == "0xa" {
            answer["result"] = json!(null);
        }
        Reply::Answer(answer)
    });
    let outcome = observe(&scene.both(), &[scene.transaction], &[]).await;
    let words = format!(
        "none at {} (number 1), whose newest block is 16",
        shown(&scene.two)
    );
    let why = not_done(outcome);
    assert!(why.contains(&words), "{why}");
}

#[tokio::test]
async fn nobody_is_asked_before_the_block_is_final() {
    let scene = Scene::mined(Fake::start().await, false, 4).await;
    scene.two.mine(7);
    let both = scene.both();
    scene.observed_before(&both).await;
    let before = calls(&scene.two);
    let observation = scene.observed(&both).await;
    assert!(is_included(&observation));
    assert_eq!(calls(&scene.two), before);
    scene.one.mine(1);
    let outcome = observe(&both, &[scene.transaction], &[]).await;
    assert!(not_done(outcome).contains("contradict each other"));
}

#[tokio::test]
async fn who_agreed_once_is_asked_once() {
    let scene = Scene::start().await;
    scene.agree();
    let both = scene.both();
    scene.observed_before(&both).await;
    let before = calls(&scene.two);
    for _ in 0..2 {
        for request in scene.ends() {
            let outcome = both.carry_out(request).await;
            assert!(!matches!(outcome, ChainOutcome::NotDone(_)), "{outcome:?}");
        }
    }
    // Its chain, and the block.
    assert_eq!(calls(&scene.two), before + 2);
    assert_eq!(both.endpoints_status()[1].answered, 0);
    // Once a block that was final has left the chain, nothing is taken for agreed any more.
    let made_up = Anchor {
        block: Block {
            number: 8,
            ..scene.at(9)
        },
        time: Timestamp::from_millis(0),
    };
    match observe(&both, &[scene.transaction], &[made_up]).await {
        ChainOutcome::Observed(observation) => {
            assert_eq!(observation.stand, [false]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(calls(&scene.two), before + 2);
    scene.observed(&both).await;
    assert_eq!(calls(&scene.two), before + 4);
}

#[tokio::test]
async fn that_a_block_has_gone_is_believed_of_one_endpoint() {
    let scene = Scene::start().await;
    scene.two.mine(7);
    let made_up = Anchor {
        block: Block {
            number: 8,
            ..scene.at(9)
        },
        time: Timestamp::from_millis(0),
    };
    let outcome = observe(&scene.both(), &[scene.transaction], &[made_up]).await;
    let ChainOutcome::Observed(observation) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(observation.stand, [false]);
}
