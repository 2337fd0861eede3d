//! The pages in a real browser: headless Chromium, driven over WebDriver by chromedriver.
//!
//! `make test` installs both; without them these tests fail, as a test that is not run shows nothing. Pictures of what
//! was shown are kept in `target/browser`.

mod driver;
mod live;
mod records;
mod spoken;

pub(crate) use driver::Browser;
