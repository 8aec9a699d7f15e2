//! `pool_restart` and `autoscale`.

use crate::{
    Error,
    event::Reader,
    json::{ObjectWriter, write_names},
};

/// `pool_restart` (`celery/app/control.py: Control.pool_restart`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolRestart {
    /// The modules to import or reload. Nothing means those of the app.
    pub modules: Option<Vec<String>>,
    /// Whether modules that are loaded are loaded again.
    pub reload: bool,
}

/// `autoscale` (`Control.autoscale`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Autoscale {
    /// The most slots. Nothing leaves it.
    pub max: Option<u32>,
    /// The fewest slots. Nothing leaves it.
    pub min: Option<u32>,
}

impl PoolRestart {
    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        match &self.modules {
            Some(modules) => write_names(object.key("modules"), modules),
            None => object.raw("modules", "null"),
        }
        object.bool("reload", self.reload);
        // A function, which no message can carry.
        object.raw("reloader", "null");
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self {
            modules: fields.nullable("modules", "a list of module names")?,
            reload: fields.truth("reload").unwrap_or_default(),
        })
    }
}

impl Autoscale {
    pub(super) fn write(self, object: &mut ObjectWriter<'_>) {
        for (key, slots) in [("max", self.max), ("min", self.min)] {
            match slots {
                Some(slots) => object.int(key, slots),
                None => object.raw(key, "null"),
            }
        }
    }

    pub(super) fn read(fields: &mut Reader<'_, '_>) -> Result<Self, Error> {
        Ok(Self { max: fields.nullable("max", "a count")?, min: fields.nullable("min", "a count")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Command, ControlRequest};

    #[test]
    fn captured() {
        let read = |raw| ControlRequest::decode_body(raw).unwrap().command().unwrap();
        let restart = read(include_bytes!("../../../fixtures/control/request/pool_restart.json"));
        let modules = Some(vec!["some.module".to_owned()]);
        assert_eq!(restart, Command::PoolRestart(PoolRestart { modules, reload: true }));
        let autoscale = read(include_bytes!("../../../fixtures/control/request/autoscale.json"));
        assert_eq!(autoscale, Command::Autoscale(Autoscale { max: Some(10), min: Some(3) }));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let said = |arguments: &str| Command::decode("autoscale", arguments).unwrap_err().to_string();
        assert_eq!(said(r#"{"max": -1}"#), "autoscale: `max` must be a count");
        assert_eq!(said(r#"{"mx": 1}"#), "autoscale: `arguments` must be those of the command and no others");
    }
}
