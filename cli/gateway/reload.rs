//! SIGHUP: the configuration is read again, and what can change while the gateway runs does.

use dotkey_gateway::server::Operated;
use dotkey_gateway::site::PrivateNames;
use tokio::signal::unix::Signal;

use super::Plan;
use crate::config::Settings;
use crate::exit::Result;

/// What is read again, and for whom.
pub(super) struct Reload {
    pub(super) settings: Settings,
    pub(super) operated: Operated,
    /// Names that may lead to this machine whatever the configuration says.
    pub(super) also_private: Vec<String>,
    pub(super) hangup: Signal,
}

impl Reload {
    pub(super) async fn run(mut self) {
        while self.hangup.recv().await.is_some() {
            match self.apply() {
                Ok(()) => tracing::info!(
                    "the gateway has read its configuration again: private_names and access_log hold now, the rest from the next start"
                ),
                Err(error) => tracing::error!(
                    "the gateway goes on as it was: {}; {}",
                    error.message,
                    error.next
                ),
            }
        }
    }

    /// All of it or nothing.
    fn apply(&self) -> Result<()> {
        let settings = self.settings.again()?;
        let plan = Plan::new(None, &settings)?;
        let log = plan.open_log()?;
        self.operated.set_log(log);
        let listed = plan.private_names.iter().chain(&self.also_private);
        let names = PrivateNames::new(listed.map(String::as_str));
        self.operated.set_private_names(names);
        Ok(())
    }
}
