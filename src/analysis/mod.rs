//! stub
use crate::model::Estate;
#[derive(Debug)]
pub struct Facts<'a> {
    pub estate: std::marker::PhantomData<&'a ()>,
}
pub fn analyze<'a>(_estate: &'a Estate<'a>) -> Facts<'a> {
    Facts { estate: std::marker::PhantomData }
}
