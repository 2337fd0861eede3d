mod benign;
mod cards;
mod kinds;
mod misheard;
mod properties;
mod script;
