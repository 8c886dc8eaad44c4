//! Which cosignatures go onto a checkpoint, when there are more than every verifier takes.

use super::{Member, Policy, Quorum, Witness};
use crate::checkpoint::{MAX_PUBLISHED_SIGNATURES, PublishError, is_newer};
use crate::note::{Note, SignatureLine};

/// Adds verified cosignatures by the policy's witnesses to a checkpoint: of one key the newer stays; what is new comes after
/// the note's own lines, in the policy's order.
///
/// Where that makes more than [`MAX_PUBLISHED_SIGNATURES`], lines are left out, the last first, but none of the log's own and
/// none that the quorum needs: it is filled with as few lines as it can be, and with those that stand already where it can be.
///
/// Fails if even the log's lines and the quorum's do not fit.
pub fn add_cosignatures(
    note: &Note,
    cosignatures: &[SignatureLine],
    policy: &Policy,
) -> Result<Note, PublishError> {
    let mut lines = note.signatures().to_vec();
    for witness in policy.witnesses() {
        for line in cosignatures.iter().filter(|line| witness.signs(line)) {
            match lines.iter_mut().find(|known| known.same_key(line)) {
                None => lines.push(line.clone()),
                Some(known) if is_newer(line, known, policy.witness_keys()) => {
                    *known = line.clone();
                }
                Some(_) => {}
            }
        }
    }
    if lines.len() > MAX_PUBLISHED_SIGNATURES {
        lines = cut(note, &lines, policy)?;
    }
    Ok(Note::new(note.text(), lines)?)
}

/// The log's lines, those that the quorum needs, and of the others the first for which there is room.
fn cut(
    note: &Note,
    lines: &[SignatureLine],
    policy: &Policy,
) -> Result<Vec<SignatureLine>, PublishError> {
    let origin = note.text().lines().next().unwrap_or_default();
    let own = note.signatures().len();
    let place = |witness: &Witness| lines.iter().position(|line| witness.signs(line));
    // What has the quorum already stays as it is, and there is room for all of it.
    let needed = if policy.satisfied_by(|witness| place(witness).is_some_and(|place| place < own)) {
        Vec::new()
    } else {
        fewest(policy, |witness| Some(usize::from(place(witness)? >= own)))
    };
    let is_needed = |line: &SignatureLine| {
        let by_log = !policy.witnesses().iter().any(|by| by.signs(line));
        (by_log && line.name().as_str() == origin) || needed.iter().any(|by| by.signs(line))
    };
    let count = lines.iter().filter(|line| is_needed(line)).count();
    let Some(mut room) = MAX_PUBLISHED_SIGNATURES.checked_sub(count) else {
        return Err(PublishError::TooManySignatures(count));
    };
    let mut kept = Vec::with_capacity(MAX_PUBLISHED_SIGNATURES);
    for line in lines {
        if is_needed(line) {
            kept.push(line.clone());
        } else if room > 0 {
            room = room.saturating_sub(1);
            kept.push(line.clone());
        }
    }
    Ok(kept)
}

/// The fewest witnesses that satisfy the quorum, or nobody if all that there are do not; of equally few, those that cost
/// least. A witness that has no cost is not there.
///
/// Exact, because a name is a member of one group at most: groups make a tree.
fn fewest(policy: &Policy, cost: impl Fn(&Witness) -> Option<usize>) -> Vec<&Witness> {
    let all = policy.witnesses().iter();
    let witnesses: Vec<Choice<'_>> = all
        .map(|witness| Some((cost(witness)?, vec![witness])))
        .collect();
    let mut groups: Vec<Choice<'_>> = Vec::with_capacity(policy.groups().len());
    // A group's members stand on earlier lines.
    for group in policy.groups() {
        let members = group.members().iter();
        let mut choices: Vec<_> = members
            .filter_map(|member| choice(*member, &witnesses, &groups).clone())
            .collect();
        choices.sort_by_key(|(cost, witnesses)| (witnesses.len(), *cost));
        choices.truncate(group.needed());
        groups.push((choices.len() == group.needed()).then(|| {
            let cost = choices.iter().map(|(cost, _)| cost).sum();
            (cost, choices.into_iter().flat_map(|(_, by)| by).collect())
        }));
    }
    match policy.quorum() {
        Quorum::None => Vec::new(),
        Quorum::Member(member) => choice(member, &witnesses, &groups)
            .clone()
            .map_or_else(Vec::new, |(_, witnesses)| witnesses),
    }
}

/// What it costs to satisfy a member, and who does it; absent where nobody can.
type Choice<'a> = Option<(usize, Vec<&'a Witness>)>;

fn choice<'a, 'b>(
    member: Member,
    witnesses: &'b [Choice<'a>],
    groups: &'b [Choice<'a>],
) -> &'b Choice<'a> {
    let known = match member {
        Member::Witness(at) => witnesses.get(at),
        Member::Group(at) => groups.get(at),
    };
    known.unwrap_or(&None)
}
