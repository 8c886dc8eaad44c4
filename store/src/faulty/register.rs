//! A faulty register store.

use async_trait::async_trait;
use bytes::Bytes;

use crate::register::check_value;
use crate::{HeadStore, ReadError, RegisterName, ReplaceError};

use super::{Injector, Plan, ReadFault, WriteFault, injected};

/// A register store around another, with faults.
#[derive(Debug)]
pub struct FaultyHeadStore<S> {
    inner: S,
    injector: Injector<Write>,
}

#[derive(Debug, Clone)]
enum Write {
    Create {
        name: RegisterName,
        value: Bytes,
    },
    Replace {
        name: RegisterName,
        old: Bytes,
        new: Bytes,
    },
}

impl<S: HeadStore> FaultyHeadStore<S> {
    /// Puts faults before a store.
    pub fn new(inner: S, plan: Plan) -> Self {
        Self {
            inner,
            injector: Injector::new(plan),
        }
    }

    /// The store without the faults.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// How many calls were given a fault so far.
    pub fn injected(&self) -> u64 {
        self.injector.state().injected
    }

    /// Lets every delayed write land now.
    pub async fn settle(&self) {
        self.land(self.injector.take_all()).await;
    }

    async fn land(&self, writes: Vec<Write>) {
        for write in writes {
            // Whoever asked for it was told `Unknown` long ago.
            drop(self.apply(write).await);
        }
    }

    async fn apply(&self, write: Write) -> Result<(), ReplaceError> {
        match write {
            Write::Create { name, value } => self.inner.create(&name, value).await,
            Write::Replace { name, old, new } => self.inner.replace(&name, &old, new).await,
        }
    }

    async fn write(&self, name: &RegisterName, write: Write) -> Result<(), ReplaceError> {
        let unknown = |what| {
            Err(ReplaceError::Unknown {
                name: name.clone(),
                trouble: injected(what),
            })
        };
        let (fault, due) = self.injector.begin_write();
        self.land(due).await;
        match fault {
            WriteFault::None => self.apply(write).await,
            WriteFault::Refuse | WriteFault::Part => Err(ReplaceError::NotDone {
                name: name.clone(),
                trouble: injected("refused"),
            }),
            WriteFault::Lose => unknown("lost"),
            WriteFault::Hide => {
                drop(self.apply(write).await);
                unknown("the answer is lost")
            }
            WriteFault::Delay { calls } => {
                self.injector.delay(calls, write);
                unknown("delayed")
            }
            WriteFault::Duplicate => {
                let outcome = self.apply(write.clone()).await;
                drop(self.apply(write).await);
                outcome
            }
        }
    }
}

#[async_trait]
impl<S: HeadStore> HeadStore for FaultyHeadStore<S> {
    async fn create(&self, name: &RegisterName, value: Bytes) -> Result<(), ReplaceError> {
        check_value(name, &value)?;
        self.write(
            name,
            Write::Create {
                name: name.clone(),
                value,
            },
        )
        .await
    }

    async fn fetch(&self, name: &RegisterName) -> Result<Option<Bytes>, ReadError> {
        let (fault, due) = self.injector.begin_read();
        self.land(due).await;
        match fault {
            ReadFault::None => self.inner.fetch(name).await,
            ReadFault::Fail => Err(ReadError::Failed {
                name: name.to_string(),
                trouble: injected("read failed"),
            }),
            ReadFault::Corrupt => Err(ReadError::Damaged {
                name: name.to_string(),
                trouble: injected("a bit flipped"),
            }),
        }
    }

    async fn replace(
        &self,
        name: &RegisterName,
        old: &Bytes,
        new: Bytes,
    ) -> Result<(), ReplaceError> {
        check_value(name, &new)?;
        self.write(
            name,
            Write::Replace {
                name: name.clone(),
                old: old.clone(),
                new,
            },
        )
        .await
    }
}
