//! All pieces in their order: what is there, and how it is brought about.

use std::{collections::BTreeSet, time::Duration};

use anyhow::bail;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{
    application::{ApplicationPiece, Which},
    credential::FederatedCredential,
    piece::{Found, Piece, Seen},
    redirect::Redirect,
    resources::{Group, IdentityPiece},
    role::{Purpose, Role},
    service_principal::ServicePrincipal,
    wanted::{Named, Wanted},
    words,
};
use crate::azure::Azure;

/// How long Azure may take to show what was made.
const READ_BACK: Duration = Duration::from_secs(180);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Done {
    /// It stays as it is.
    Nothing,
    /// It was made.
    Made,
    /// It was put right.
    Mended,
}

/// A piece, what was found of it, and what became of it.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it is.
    pub kind: &'static str,
    /// What it is called.
    pub name: String,
    /// What was found.
    pub found: Found,
    /// What became of it.
    pub done: Done,
}

/// What one pass over all pieces found.
#[derive(Debug)]
pub struct Plan {
    /// A line for each piece.
    pub lines: Vec<Line>,
    /// What was seen.
    pub seen: Seen,
}

/// Everything that the set-up makes.
pub struct Pieces(Vec<Box<dyn Piece>>);

impl Pieces {
    /// Each after those that it needs.
    #[must_use]
    pub fn of(wanted: &Wanted) -> Self {
        let mut pieces =
            application(Which::Customers, &wanted.application, wanted.at("/api/consent/callback"));
        if let Some(sign_in) = &wanted.sign_in {
            // Where App Service authentication waits for people.
            pieces.extend(application(Which::SignIn, sign_in, wanted.at("/.auth/login/aad/callback")));
        }
        pieces.extend(resources(wanted));
        Self(pieces)
    }

    /// Looks at everything and changes nothing.
    ///
    /// # Errors
    ///
    /// Azure refuses or cannot be reached, or what is given is not there.
    pub async fn look(&self, azure: &Azure<'_>) -> anyhow::Result<Plan> {
        let mut plan = Plan { lines: Vec::new(), seen: Seen::default() };
        for piece in &self.0 {
            let found = piece.read(azure, &mut plan.seen).await?;
            plan.lines.push(Line::of(&**piece, found));
        }
        Ok(plan)
    }

    /// Makes what is missing, and puts those pieces right that `mend` names by their place. Reads all of it back.
    ///
    /// # Errors
    ///
    /// Azure refuses or cannot be reached, or does not show in time what was made. What was made stays: the next run
    /// goes on from there.
    pub async fn bring_about(&self, azure: &Azure<'_>, mend: &BTreeSet<usize>) -> anyhow::Result<Plan> {
        let (mut seen, mut done) = (Seen::default(), Vec::new());
        for (place, piece) in self.0.iter().enumerate() {
            let what = || format!("{} {}", words::of(piece.kind()), piece.name());
            done.push(match piece.read(azure, &mut seen).await? {
                Found::Missing => {
                    piece.make(azure, &mut seen).await?;
                    azure.tell(&format!("made: {}", what()));
                    Done::Made
                }
                Found::Wrong(wrong) if mend.contains(&place) => {
                    let wrong: Vec<_> = wrong.into_iter().filter(|one| one.can_be_mended()).collect();
                    if wrong.is_empty() {
                        Done::Nothing
                    } else {
                        piece.mend(azure, &mut seen, &wrong).await?;
                        azure.tell(&format!("put right: {}", what()));
                        Done::Mended
                    }
                }
                Found::Right | Found::Wrong(_) | Found::Later(_) => Done::Nothing,
            });
        }
        let mut plan = self.read_back(azure, &done).await?;
        for (line, done) in plan.lines.iter_mut().zip(done) {
            line.done = done;
        }
        Ok(plan)
    }

    /// Until what was made is found as it will be looked for the next time: otherwise that would make it twice.
    async fn read_back(&self, azure: &Azure<'_>, done: &[Done]) -> anyhow::Result<Plan> {
        let (limit, mut pause) = (Instant::now() + READ_BACK, FIRST_PAUSE);
        loop {
            let plan = self.look(azure).await?;
            let is_not_shown = |(line, done): (&Line, &Done)| match line.found {
                Found::Missing => true,
                Found::Wrong(ref wrong) => {
                    *done != Done::Nothing && wrong.iter().any(|one| one.can_be_mended())
                }
                Found::Right | Found::Later(_) => false,
            };
            let Some(place) = plan.lines.iter().zip(done).position(is_not_shown) else { return Ok(plan) };
            let line = &plan.lines[place];
            if Instant::now() > limit {
                bail!(
                    "Azure does not show the {} {} yet. Run the command again later",
                    words::of(line.kind),
                    line.name
                );
            }
            if pause == FIRST_PAUSE {
                azure.tell("waiting until Azure shows what was made");
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Line {
    fn of(piece: &dyn Piece, found: Found) -> Self {
        Self { kind: piece.kind(), name: piece.name(), found, done: Done::Nothing }
    }

    /// Whether something about it is wrong that the set-up can put right.
    #[must_use]
    pub fn can_be_mended(&self) -> bool {
        matches!(&self.found, Found::Wrong(wrong) if wrong.iter().any(|one| one.can_be_mended()))
    }
}

fn application(which: Which, named: &Named, redirect: Option<String>) -> Vec<Box<dyn Piece>> {
    vec![
        Box::new(ApplicationPiece { which, named: named.clone() }),
        Box::new(ServicePrincipal { which, name: named.name.clone() }),
        Box::new(Redirect { which, uri: redirect }),
    ]
}

fn resources(wanted: &Wanted) -> Vec<Box<dyn Piece>> {
    let Wanted { tenant, identity, disks_group, .. } = wanted.clone();
    let region = wanted.region.clone().filter(|_| wanted.make_resources);
    let name = identity.as_ref().map(|id| id.name().to_owned());
    let mut groups = wanted.identity_group().into_iter().collect::<Vec<_>>();
    groups.extend(disks_group.clone());
    groups.dedup();
    let mut pieces: Vec<Box<dyn Piece>> = Vec::new();
    for id in groups {
        pieces.push(Box::new(Group { id, region: region.clone() }));
    }
    pieces.push(Box::new(IdentityPiece { tenant, id: identity.clone(), region }));
    pieces.push(Box::new(FederatedCredential { tenant, name: name.clone() }));
    for (purpose, scope) in [(Purpose::Disks, disks_group), (Purpose::Assign, identity)] {
        let identity = name.clone().unwrap_or_default();
        pieces.push(Box::new(Role { purpose, scope, identity, is_made: wanted.make_resources }));
    }
    pieces
}
