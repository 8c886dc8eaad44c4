//! Judging with what is known of other tokens comes to the same as judging each alone.

use counterfoil_rfc3161::{Covers, Known, Question, verify, verify_knowing};

use crate::rows::rows;

#[test]
fn what_is_known_changes_no_judgement() {
    let known = Known::default();
    for row in rows() {
        let question = Question {
            token: &row.token,
            covers: Covers::Unknown,
            nonce: None,
            policies: &[],
            roots: &row.roots,
            extra: &row.extra,
            revocation: &[],
            at: None,
        };
        let alone = verify(&question);
        // Once more where its own signatures are known, too.
        for _ in 0..2 {
            assert_eq!(verify_knowing(&question, &known), alone, "{}", row.file);
        }
    }
}
