//! What a caller meets at the doors: each answer is found once, and holds at all doors that are alike.

use rustc_hash::FxHashMap;

use super::consent::Consent;
use super::{Caller, Gateways};
use crate::analysis::exits::step::Step;
use crate::model::Destination;

/// What every attacker in a workload meets at a door.
pub(super) struct Met<'a> {
    /// Where the workload's proxy sends what is meant for the door's host, if it is the door's listener.
    pub led: Option<&'a Destination<'a>>,
    pub reach: Step,
    pub consent: Consent,
    pub agreed: Step,
}

/// The answers to one caller so far, by the number of the doors that are alike.
pub(super) struct Meeting<'g, 'e, 'a> {
    gateways: &'g Gateways<'e, 'a>,
    pub caller: &'g Caller<'a>,
    reached: Vec<Option<Step>>,
    asked: Vec<Option<Consent>>,
    agreed: FxHashMap<(usize, Consent), Step>,
}

impl<'g, 'e, 'a> Meeting<'g, 'e, 'a> {
    pub(super) fn new(gateways: &'g Gateways<'e, 'a>, caller: &'g Caller<'a>) -> Self {
        let count = gateways.doors.len();
        Self { gateways, caller, reached: vec![None; count], asked: vec![None; count], agreed: FxHashMap::default() }
    }

    /// What the authorization policies say at a door.
    pub(super) fn consent(&mut self, door: usize) -> Consent {
        let Gateways { doors, alike, policies, .. } = self.gateways;
        let ask = || policies[doors[door].proxy].ask(&doors[door], self.caller.asker);
        *self.asked[alike.face[door]].get_or_insert_with(ask)
    }

    /// Everything that is met at a door.
    pub(super) fn at(&mut self, door: usize, led: Option<&'a Destination<'a>>) -> Met<'a> {
        let (gateways, consent) = (self.gateways, self.consent(door));
        let found = &gateways.doors[door];
        let reach = self.reached[gateways.alike.arrival[door]]
            .get_or_insert_with(|| gateways.by_policies(found.proxy, &found.pod_ports, self.caller));
        let agreed = self.agreed.entry((found.proxy, consent)).or_insert_with(|| gateways.by_consent(found, consent));
        Met { led, reach: reach.clone(), consent, agreed: agreed.clone() }
    }
}
