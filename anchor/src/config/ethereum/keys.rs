//! The keys of `[ethereum]`.

use counterfoil_service::config::{Key, Kind, Section};
use counterfoil_service::keys;

/// `[ethereum]`
pub(in crate::config) const ETHEREUM: Section = Section::table("ethereum");

pub(in crate::config) const KEYS: &[Key] = &keys! {
    ETHEREUM => {
        "name" Kind::Text, required "\"mainnet\"",
            "What records call the chain, of a-z, 0-9 and -; it stays for ever.";
        "chain_id" Kind::Whole, required "1",
            "The chain (EIP-155). Each endpoint must be of it.";
        "rpc" Kind::Secrets, required "[\"https://rpc.example.org/v3/key\"]",
            "Where the chain is reached (JSON-RPC), in the order of preference; of a URL only scheme, host and port are ever shown.";
        "mode" Kind::OneOf(&["address", "contract"]), optional "\"address\"",
            "What is at the destination: \"address\", nothing that is executed, which is cheapest; or \"contract\", anchor/contract.";
        "destination" Kind::Text, required "\"0x00000000219ab540356cbb839cbe05303d7705fa\"",
            "Where transactions go. With mode = \"address\", any address that belongs to nobody else: the account's own, for example.";
        "keystore" Kind::Text, optional "\"ethereum-key.json\"",
            "File of the account's key, encrypted (Web3 Secret Storage). The account must be this anchor's alone.";
        "password_file" Kind::Text, optional "\"ethereum-password\"",
            "File of its password, mode 0600. Without it, the environment variable COUNTERFOIL_ANCHOR_ETHEREUM_PASSWORD has it.";
        "signer" Kind::Secret, optional "\"http://127.0.0.1:9000/\"",
            "Instead of a keystore: a remote signer (JSON-RPC, eth_signTransaction).";
        "account" Kind::Text, optional "\"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\"",
            "The account with which the remote signer signs.";
        "every" Kind::Duration, optional "\"1h\"",
            "At most one transaction in so long, for all logs that changed.";
        "max_age" Kind::Duration, optional "\"7d\"",
            "A log that does not change is anchored again when its last block is so old; \"0s\" is never.";
        "max_fee_gwei" Kind::Whole, optional "50",
            "The most that is paid by gas, in gwei; while the chain asks for more nothing is sent.";
        "max_priority_fee_gwei" Kind::Whole, optional "5",
            "The most of it that is offered to a block's proposer, in gwei, whatever others pay.";
        "max_cost_per_day_gwei" Kind::Whole, optional "20000000",
            "The most that is paid in any 24 hours, in gwei: 1,000,000,000 gwei are one ether.";
        "max_gas" Kind::Whole, optional "25000",
            "The most gas of one transaction; with mode = \"contract\" the default is 120000.";
        "confirmations" Kind::Whole, optional "64",
            "A block is final when so many are above it, on chains that do not say by themselves which are (the tag `finalized`).";
        "max_head_age" Kind::Duration, optional "\"5m\"",
            "An endpoint whose newest block is older is not used, nor one that is a fifth of that behind another; \"0s\": whatever its age, but for one that is a minute behind another.";
        "block_time" Kind::Duration, optional "\"12s\"",
            "How often the chain has a block. A transaction that is in none for 15 times as long is replaced by one that pays more.";
        "deadline" Kind::Duration, optional "\"10s\"",
            "How long a call of an endpoint, or of the signer, may take.";
        "known_undone" Kind::Texts, optional "[\"0x9b83c12c69edb74f6c8dd5d052765c1adf940e320bd1291696e6fa07829eee71\"]",
            "Hashes of blocks that left the chain though they had records, and that were dealt with: no alarm any more.";
        "known_nonce" Kind::Whole, optional "42",
            "You know that the account's nonces below are used: for an account that was used before, where no endpoint has its older blocks.";
        "alarm_days" Kind::Whole, optional "14",
            "When the balance lasts for fewer days than this, at the present spending, that is an alarm.";
    }
};
