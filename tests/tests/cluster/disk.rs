//! A disk with registers: what is on it survives a crash of its owner.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_store::{HeadStore, ReadError, RegisterName, ReplaceError};

use crate::clock::pause;
use crate::random::Random;

pub(crate) type Registers = BTreeMap<RegisterName, Bytes>;

type OnWrite = Box<dyn Fn(&RegisterName, &Bytes) + Send + Sync>;

/// When a write that was reported as done is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Before it is reported.
    First,
    /// Never: a crash takes it back. No correct store does so.
    Never,
}

/// Registers in memory. Each call takes time before and after it has its effect, so that a crash can come between.
pub(crate) struct Disk {
    contents: Mutex<Contents>,
    random: Mutex<Random>,
    on_write: Option<OnWrite>,
}

struct Contents {
    registers: Registers,
    /// What a crash goes back to.
    flushed: Registers,
    flush: Flush,
}

impl Disk {
    pub(crate) fn new(random: Random) -> Self {
        let contents = Contents {
            registers: Registers::new(),
            flushed: Registers::new(),
            flush: Flush::First,
        };
        Self {
            contents: Mutex::new(contents),
            random: Mutex::new(random),
            on_write: None,
        }
    }

    /// Calls this for each register that was written.
    pub(crate) fn watched(mut self, on_write: OnWrite) -> Self {
        self.on_write = Some(on_write);
        self
    }

    pub(crate) fn set_flush(&self, flush: Flush) {
        self.contents.lock().unwrap().flush = flush;
    }

    /// A backup.
    pub(crate) fn back_up(&self) -> Registers {
        self.contents.lock().unwrap().registers.clone()
    }

    /// Puts a backup in the place of what is there.
    pub(crate) fn restore(&self, backup: Registers) {
        let mut contents = self.contents.lock().unwrap();
        contents.flushed.clone_from(&backup);
        contents.registers = backup;
    }

    /// Power fails: what was not flushed is gone.
    pub(crate) fn crash(&self) {
        let mut contents = self.contents.lock().unwrap();
        if contents.flush == Flush::Never {
            contents.registers = contents.flushed.clone();
        }
    }

    async fn pause(&self) {
        let millis = self.random.lock().unwrap().below(6);
        pause(millis).await;
    }

    fn write(
        &self,
        name: &RegisterName,
        expected: Option<&Bytes>,
        new: &Bytes,
    ) -> Result<(), ReplaceError> {
        let mut contents = self.contents.lock().unwrap();
        if contents.registers.get(name) != expected {
            return Err(ReplaceError::Conflict { name: name.clone() });
        }
        contents.registers.insert(name.clone(), new.clone());
        if contents.flush == Flush::First {
            contents.flushed.insert(name.clone(), new.clone());
        }
        drop(contents);
        if let Some(on_write) = &self.on_write {
            on_write(name, new);
        }
        Ok(())
    }
}

#[async_trait]
impl HeadStore for Disk {
    async fn create(&self, name: &RegisterName, value: Bytes) -> Result<(), ReplaceError> {
        self.pause().await;
        let outcome = self.write(name, None, &value);
        self.pause().await;
        outcome
    }

    async fn fetch(&self, name: &RegisterName) -> Result<Option<Bytes>, ReadError> {
        self.pause().await;
        Ok(self.contents.lock().unwrap().registers.get(name).cloned())
    }

    async fn replace(
        &self,
        name: &RegisterName,
        old: &Bytes,
        new: Bytes,
    ) -> Result<(), ReplaceError> {
        self.pause().await;
        let outcome = self.write(name, Some(old), &new);
        self.pause().await;
        outcome
    }
}
