//! A token of which one bit was changed, or several.

use counterfoil_rfc3161::Outcome;

use crate::world::World;

/// Where the only such bytes stand.
fn place(token: &[u8], part: &[u8]) -> std::ops::Range<usize> {
    let found: Vec<usize> = (0..=token.len() - part.len())
        .filter(|at| token[*at..].starts_with(part))
        .collect();
    assert_eq!(found.len(), 1);
    found[0]..found[0] + part.len()
}

/// Whatever bit of the content, the signed attributes or the signature is changed: a check fails.
#[test]
fn every_changed_bit_of_what_is_signed_is_refused() {
    let world = World::new();
    let (mut content, mut attributes) = (Vec::new(), Vec::new());
    let token = world.token(
        |info| content = info.der(),
        |parts| attributes = parts.attributes.concat(),
    );
    assert!(world.judge(&token).is_good());
    // The signature is the last of the token, and has 64 bytes.
    let signature = token.len() - 64..token.len();
    let places = [
        place(&token, &content),
        place(&token, &attributes),
        signature,
    ];
    for at in places.into_iter().flatten() {
        for bit in 0..8 {
            let mut changed = token.clone();
            changed[at] ^= 1 << bit;
            let judgement = if bit == at % 8 {
                world.judge(&changed)
            } else {
                world.judge_unrecorded(&changed)
            };
            let mut checks = judgement.checks.iter();
            let failed = checks.any(|check| check.outcome == Outcome::Failed);
            assert!(failed, "bit {bit} of byte {at}: {judgement:#?}");
        }
    }
}
