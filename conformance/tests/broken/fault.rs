//! What can be wrong with a witness, and which rows must show it.

/// One thing that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Answers every method as if it were the right one.
    AnyMethod,
    /// Cosigns malformed requests.
    CosignsMalformed,
    /// Answers malformed requests with 500.
    MalformedIs500,
    /// Checks neither old size nor proof of a log that it has no record of.
    NewUnchecked,
    /// Takes no old size of 0 for a new log.
    FirstRefused,
    /// Takes any root for the empty tree.
    EmptyRootUnchecked,
    /// Refuses empty trees.
    EmptyRefused,
    /// Ignores a proof from old size 0.
    ProofFromZeroIgnored,
    /// Looks at no signature.
    SignatureUnchecked,
    /// Ignores bad lines where a good one is there.
    BadLinesIgnored,
    /// Answers 500 where it is 403.
    ForbiddenIs500,
    /// Refuses notes with signatures that it does not know.
    UnknownRefused,
    /// Takes any key with the name of a known one.
    KeysByName,
    /// Takes any key with the ID of a known one.
    KeysById,
    /// Reads 15 signatures at most.
    FewSignatures,
    /// Reads 64 KiB at most.
    SmallBodies,
    /// Trusts only the first key of a log.
    FirstKeyOnly,
    /// Answers 403 for origins that it does not know.
    UnknownOriginIs403,
    /// Compares the old size with neither the record nor the checkpoint.
    OldUnchecked,
    /// Compares the old size with the record only.
    OldLargerUnchecked,
    /// The size in a 409 answer has no newline.
    ConflictNoNewline,
    /// The size in a 409 answer is not the recorded one.
    ConflictOtherSize,
    /// 409 answers are `text/plain`.
    ConflictPlain,
    /// 409 answers have a parameter in their type.
    ConflictCharset,
    /// Refuses the recorded checkpoint when it comes again.
    SameSizeRefused,
    /// Takes any root for the recorded size.
    SameSizeUnchecked,
    /// Answers 409 for another root of the recorded size.
    SameSizeIs409,
    /// Records nothing.
    NotRecorded,
    /// Verifies no proofs.
    ProofUnchecked,
    /// Answers 400 to proofs that do not verify.
    ProofIs400,
    /// Records what it refuses.
    RecordsRefused,
    /// Sends cosignatures with its refusals.
    CosignsRefused,
    /// Says more than signature lines.
    AnswerWithWords,
    /// Leaves the last newline out.
    AnswerNoNewline,
    /// Its signatures do not verify.
    WrongSignatures,
    /// Signs with one key of two.
    OneKey,
    /// Its ML-DSA-44 cosignature is of another range.
    OtherRange,
    /// Signs without the extension lines.
    ExtensionsLost,
    /// Its timestamps are 0.
    ZeroTimestamp,
    /// Its clock is two hours behind.
    ClockBehind,
    /// Its clock runs backwards.
    ClockBackwards,
    /// Looks, and then writes.
    NotAtomic,
    /// Serves one request at a time and turns the others away.
    OneAtATime,
    /// Answers 500 when it has more than one request.
    Overloaded,
    /// Closes each connection.
    ClosesConnections,
    /// Forgets the last checkpoint when it is killed.
    Forgets,
    /// Has no monitoring prefix.
    NoMonitoring,
    /// Serves 200 for logs that it has never cosigned.
    MonitoringInvents,
    /// Serves another log's checkpoint.
    MonitoringOther,
    /// Serves the checkpoint without its own cosignatures.
    MonitoringNoCosignatures,
    /// Serves the checkpoint without the log's signature.
    MonitoringNoLog,
    /// Signs no subtrees although it answers.
    SubtreeFails,
    /// Signs malformed subtree requests.
    SubtreeCosignsMalformed,
    /// Answers 422 to malformed subtree requests.
    SubtreeMalformedIs422,
    /// Verifies no proofs of subtrees.
    SubtreeProofUnchecked,
    /// Looks for no own cosignature on the reference checkpoint.
    SubtreeUnsigned,
    /// Refuses reference checkpoints with others' signatures.
    SubtreeOthersRefused,
    /// Answers 403 where the origin is unknown.
    SubtreeUnknownIs403,
    /// Signs subtrees of the newest checkpoint only.
    SubtreeNewestOnly,
    /// Adds a line of a format without subtrees.
    SubtreeEd25519,
    /// Its subtree cosignatures have a time.
    SubtreeTimestamp,
    /// Its subtree cosignatures are of the whole tree.
    SubtreeWhole,
}

use Fault as F;

/// Every fault, and rows that must not pass because of it. A name that ends in `.` stands for all rows that start with it.
pub(crate) const FAULTS: &[(Fault, &[&str])] = &[
    (
        F::AnyMethod,
        &["post.get", "monitoring.post", "subtree.get"],
    ),
    (
        F::CosignsMalformed,
        &[
            "old.leading-zero",
            "old.tab",
            "old.overflow",
            "body.",
            "proof-line.",
            "proof-lines.64",
            "checkpoint.size-",
            "checkpoint.root-",
            "checkpoint.no-root",
            "checkpoint.tab",
            "checkpoint.carriage-returns",
            "checkpoint.not-utf-8",
        ],
    ),
    (
        F::MalformedIs500,
        &[
            "old.plus",
            "body.empty",
            "proof-line.31-bytes",
            "proof-lines.64",
            "checkpoint.tab",
        ],
    ),
    (F::NewUnchecked, &["new.old-size"]),
    (F::FirstRefused, &["new.first"]),
    (F::EmptyRootUnchecked, &["new.empty-other-root"]),
    (F::EmptyRefused, &["new.empty"]),
    (F::ProofFromZeroIgnored, &["new.proof-from-zero"]),
    (F::SignatureUnchecked, &["forbidden."]),
    (
        F::BadLinesIgnored,
        &[
            "forbidden.good-then-bad",
            "forbidden.bad-then-good",
            "forbidden.second-bad",
        ],
    ),
    (F::ForbiddenIs500, &["forbidden."]),
    (
        F::UnknownRefused,
        &[
            "signatures.unknown-before",
            "signatures.unknown-after",
            "signatures.same-name",
            "signatures.same-id",
        ],
    ),
    (F::KeysByName, &["signatures.same-name"]),
    (F::KeysById, &["signatures.same-id"]),
    (F::FewSignatures, &["signatures.16", "signatures.16-large"]),
    (F::SmallBodies, &["signatures.16-large"]),
    (
        F::FirstKeyOnly,
        &["signatures.second-key", "forbidden.second-bad"],
    ),
    (
        F::UnknownOriginIs403,
        &["origin.unknown", "origin.unknown-known-key"],
    ),
    (
        F::OldUnchecked,
        &[
            "old.larger",
            "old.larger-not-recorded",
            "conflict.zero",
            "conflict.lower",
            "conflict.higher",
        ],
    ),
    (F::OldLargerUnchecked, &["old.larger"]),
    (F::ConflictNoNewline, &["conflict.body", "new.old-size"]),
    (F::ConflictOtherSize, &["conflict.body"]),
    (F::ConflictPlain, &["conflict.type"]),
    (F::ConflictCharset, &["conflict.type"]),
    (F::SameSizeRefused, &["same-size.same-root"]),
    (F::SameSizeUnchecked, &["same-size.other-root"]),
    (F::SameSizeIs409, &["same-size.other-root"]),
    (F::NotRecorded, &["updated"]),
    (F::ProofUnchecked, &["proof."]),
    (F::ProofIs400, &["proof."]),
    (F::RecordsRefused, &["refused.unchanged"]),
    (
        F::CosignsRefused,
        &["proof.", "same-size.other-root", "conflict.zero"],
    ),
    (F::AnswerWithWords, &["answer.lines", "new.first"]),
    (F::AnswerNoNewline, &["answer.lines", "new.first"]),
    (
        F::WrongSignatures,
        &[
            "answer.cosignatures",
            "answer.whole-tree",
            "new.first",
            "same-size.same-root",
        ],
    ),
    (
        F::OneKey,
        &[
            "answer.cosignatures",
            "answer.ml-dsa-44",
            "answer.whole-tree",
        ],
    ),
    (F::OtherRange, &["answer.cosignatures", "answer.whole-tree"]),
    (F::ExtensionsLost, &["checkpoint.extension"]),
    (
        F::ZeroTimestamp,
        &["answer.timestamp", "answer.timestamp-now", "new.first"],
    ),
    (F::ClockBehind, &["answer.timestamp-now"]),
    (F::ClockBackwards, &["answer.time-order"]),
    (F::NotAtomic, &["race.one-wins", "race.record"]),
    (F::OneAtATime, &["logs.side-by-side", "race.one-wins"]),
    (F::Overloaded, &["logs.side-by-side"]),
    (F::ClosesConnections, &["keep-alive"]),
    (F::Forgets, &["restart"]),
    (F::NoMonitoring, &["monitoring.served"]),
    (
        F::MonitoringInvents,
        &["monitoring.never", "monitoring.unknown"],
    ),
    (F::MonitoringOther, &["monitoring.checkpoint"]),
    (F::MonitoringNoCosignatures, &["monitoring.signatures"]),
    (F::MonitoringNoLog, &["monitoring.signatures"]),
    (
        F::SubtreeFails,
        &[
            "subtree.partial",
            "subtree.full",
            "subtree.whole",
            "subtree.with-log",
            "subtree.older",
            "subtree.format",
        ],
    ),
    (
        F::SubtreeCosignsMalformed,
        &[
            "subtree.range-",
            "subtree.not-aligned",
            "subtree.backwards",
            "subtree.beyond",
            "subtree.hash-",
            "subtree.proof-line",
            "subtree.proof-lines-64",
        ],
    ),
    (
        F::SubtreeMalformedIs422,
        &[
            "subtree.range-",
            "subtree.not-aligned",
            "subtree.beyond",
            "subtree.hash-",
        ],
    ),
    (
        F::SubtreeProofUnchecked,
        &[
            "subtree.other-hash",
            "subtree.proof-flipped",
            "subtree.proof-missing",
            "subtree.proof-one-more",
        ],
    ),
    (
        F::SubtreeUnsigned,
        &["subtree.log-only", "subtree.other-checkpoint"],
    ),
    (F::SubtreeOthersRefused, &["subtree.with-log"]),
    (F::SubtreeUnknownIs403, &["subtree.unknown-origin"]),
    (F::SubtreeNewestOnly, &["subtree.older"]),
    (F::SubtreeEd25519, &["subtree.format"]),
    (F::SubtreeTimestamp, &["subtree.format"]),
    (
        F::SubtreeWhole,
        &["subtree.partial", "subtree.full", "subtree.older"],
    ),
];
