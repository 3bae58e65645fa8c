//! What leads through the API: the front door, the list of its paths, its description and a page to try it, what problems
//! mean.

pub(super) mod asset;
pub(super) mod door;
pub(super) mod icon;
pub(super) mod index;
pub(super) mod openapi;
pub(super) mod page;
pub(super) mod problem_type;
