mod benign;
mod cards;
mod kinds;
mod misheard;
mod properties;
pub(in crate::detect) mod script;
mod unheard;
