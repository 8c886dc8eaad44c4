//! What a path names.

use crate::OriginHash;
use crate::evidence::EvidenceId;
use crate::metrics::Endpoint;

use super::Via;

const READ: &str = "GET, HEAD, OPTIONS";
const WRITE: &str = "POST, OPTIONS";

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// What is called.
    Post(Call),
    /// What is read.
    Get(Resource),
    Nothing,
}

/// The calls of tlog-witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    AddCheckpoint,
    SignSubtree,
}

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    Checkpoint(OriginHash),
    EvidenceList(OriginHash),
    Evidence(OriginHash, EvidenceId),
    Page,
    Status,
    Health,
    Readiness,
    Metrics,
}

/// The prefixes of the service, without the slash at their ends, so that `/` is empty.
#[derive(Debug)]
pub(super) struct Prefixes {
    submission: String,
    monitoring: String,
}

impl Prefixes {
    /// From the configuration.
    pub(super) fn new(submission: &str, monitoring: &str) -> Self {
        Self {
            submission: submission.trim_end_matches('/').to_owned(),
            monitoring: monitoring.trim_end_matches('/').to_owned(),
        }
    }

    /// What a path names. Health and metrics are the operator's, and not served to the public side of a bastion.
    pub(super) fn target(&self, path: &str, via: Via) -> Target {
        match path {
            "/" => return Target::Get(Resource::Page),
            "/status" => return Target::Get(Resource::Status),
            "/healthz" if via == Via::Listener => return Target::Get(Resource::Health),
            "/readyz" if via == Via::Listener => return Target::Get(Resource::Readiness),
            "/metrics" if via == Via::Listener => return Target::Get(Resource::Metrics),
            _ => {}
        }
        match path.strip_prefix(self.submission.as_str()) {
            Some("/add-checkpoint") => return Target::Post(Call::AddCheckpoint),
            Some("/sign-subtree") => return Target::Post(Call::SignSubtree),
            _ => {}
        }
        let below = path.strip_prefix(self.monitoring.as_str());
        below
            .and_then(|below| resource(below.strip_prefix('/')?))
            .map_or(Target::Nothing, Target::Get)
    }
}

/// `<origin hash>/checkpoint`, `<origin hash>/evidence` or `<origin hash>/evidence/<SHA-256>`.
fn resource(path: &str) -> Option<Resource> {
    let (hash, rest) = path.split_once('/')?;
    let hash = hash.parse().ok()?;
    match rest {
        "checkpoint" => Some(Resource::Checkpoint(hash)),
        "evidence" => Some(Resource::EvidenceList(hash)),
        file => {
            let id = file.strip_prefix("evidence/")?.parse().ok()?;
            Some(Resource::Evidence(hash, id))
        }
    }
}

impl Target {
    /// For the metrics.
    pub(super) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Post(Call::AddCheckpoint) => Endpoint::AddCheckpoint,
            Self::Post(Call::SignSubtree) => Endpoint::SignSubtree,
            Self::Get(Resource::Checkpoint(_)) => Endpoint::Checkpoint,
            Self::Get(Resource::EvidenceList(_) | Resource::Evidence(..)) => Endpoint::Evidence,
            Self::Get(_) | Self::Nothing => Endpoint::Other,
        }
    }

    /// The methods that it takes.
    pub(super) fn allow(&self) -> &'static str {
        match self {
            Self::Post(_) => WRITE,
            Self::Get(_) | Self::Nothing => READ,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_paths_name() {
        let (hash, id) = ("ab".repeat(32), "cd".repeat(32));
        let origin: OriginHash = hash.parse().unwrap();
        let checkpoint = Target::Get(Resource::Checkpoint(origin));
        let list = Target::Get(Resource::EvidenceList(origin));
        let file = Target::Get(Resource::Evidence(origin, id.parse().unwrap()));
        let add = Target::Post(Call::AddCheckpoint);
        let subtree = Target::Post(Call::SignSubtree);
        let page = Target::Get(Resource::Page);
        let (root, split) = (Prefixes::new("/", "/"), Prefixes::new("/w", "/m/n"));
        let rows = [
            (&root, "/add-checkpoint".to_owned(), &add),
            (&root, "/sign-subtree".to_owned(), &subtree),
            (&root, "/add-checkpoint/".to_owned(), &Target::Nothing),
            (&root, "//add-checkpoint".to_owned(), &Target::Nothing),
            (&root, format!("/{hash}/checkpoint"), &checkpoint),
            (
                &root,
                format!("/{}/checkpoint", hash.to_uppercase()),
                &Target::Nothing,
            ),
            (
                &root,
                format!("/{}/checkpoint", &hash[1..]),
                &Target::Nothing,
            ),
            (&root, format!("/{hash}/checkpoint/"), &Target::Nothing),
            (&root, format!("/{hash}"), &Target::Nothing),
            (&root, format!("/{hash}/evidence"), &list),
            (&root, format!("/{hash}/evidence/{id}"), &file),
            (
                &root,
                format!("/{hash}/evidence/{}", id.to_uppercase()),
                &Target::Nothing,
            ),
            (
                &root,
                format!("/{hash}/evidence/../checkpoint"),
                &Target::Nothing,
            ),
            (&root, "/".to_owned(), &page),
            (&root, String::new(), &Target::Nothing),
            (&split, "/".to_owned(), &page),
            (&split, "/w/add-checkpoint".to_owned(), &add),
            (&split, "/add-checkpoint".to_owned(), &Target::Nothing),
            (&split, "/m/n/add-checkpoint".to_owned(), &Target::Nothing),
            (&split, "/wadd-checkpoint".to_owned(), &Target::Nothing),
            (&split, format!("/m/n/{hash}/checkpoint"), &checkpoint),
            (&split, format!("/{hash}/checkpoint"), &Target::Nothing),
        ];
        for (prefixes, path, expected) in rows {
            assert_eq!(prefixes.target(&path, Via::Listener), *expected, "{path}");
            assert_eq!(prefixes.target(&path, Via::Bastion), *expected, "{path}");
        }
    }

    #[test]
    fn what_is_for_the_operator_is_not_served_over_bastions() {
        let prefixes = Prefixes::new("/", "/");
        for path in ["/metrics", "/healthz", "/readyz"] {
            assert_ne!(
                prefixes.target(path, Via::Listener),
                Target::Nothing,
                "{path}"
            );
            assert_eq!(
                prefixes.target(path, Via::Bastion),
                Target::Nothing,
                "{path}"
            );
        }
    }
}
