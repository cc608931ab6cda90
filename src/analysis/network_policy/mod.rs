//! stub
use crate::model::Estate;

/// What network policies allow.
#[derive(Debug)]
pub struct NetworkPolicies<'a> {
    marker: std::marker::PhantomData<&'a ()>,
}

pub(super) fn network_policies<'a>(_estate: &'a Estate<'a>) -> NetworkPolicies<'a> {
    NetworkPolicies { marker: std::marker::PhantomData }
}
