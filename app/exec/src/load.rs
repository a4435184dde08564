//! Executables that are kept on disk between the processes that run them.

use crate::executable::Executable;
#[cfg(not(target_family = "wasm"))]
use crate::{
    constants::Constants,
    image::{self, Image, Place},
    outline::Outline,
    program::Program,
    store::Store,
};
use assay_kernels::Isa;
use assay_plan::ValidPlan;
use assay_types::hash::PlanHash;
use std::path::Path;

#[cfg(not(target_family = "wasm"))]
impl Executable {
    /// The plan with this hash, from the image of it that [`Executable::load`] has left in a folder: without the
    /// plan itself, and with constants that all processes share. `None` when there is no image that is whole, of
    /// this version and for this instruction set.
    pub fn open(hash: &PlanHash, isa: Isa, folder: &Path) -> Option<Executable> {
        let image = Image::open(Place { hash, isa, folder })?;
        let constants = image.constants()?;
        let mut program = Program::new(image.outline(), &constants);
        if !image.fits(&program) {
            return None;
        }
        program.prepare(isa, &constants);
        if !constants.sufficed() {
            return None;
        }
        drop(constants);
        let (plan, store) = image.into_parts();
        Some(Self::with(plan, isa, program, store))
    }

    /// As [`Executable::new`], but from the plan's image in this folder, where one is written if there is none; a
    /// folder that cannot be written is done without.
    pub fn load(plan: ValidPlan, isa: Isa, folder: &Path) -> Executable {
        let hash = plan.hash();
        if let Some(found) = Self::open(&hash, isa, folder) {
            return found;
        }
        let (plan, data) = Outline::of(plan);
        let constants = Constants::of_plan(&data);
        let mut program = Program::new(&plan, &constants);
        program.prepare(isa, &constants);
        let store = Store::pack(&data, isa, &program);
        let place = Place { hash: &hash, isa, folder };
        let written = image::write(place, &plan, &constants, &program, store.bytes());
        // A disk that takes nothing costs time at the next start, and no more.
        let shared = written.ok().and_then(|()| image::own_store(place, &program));
        Self::with(plan, isa, program, shared.unwrap_or(store))
    }
}

/// A browser has no files.
#[cfg(target_family = "wasm")]
impl Executable {
    /// Nothing.
    pub fn open(_: &PlanHash, _: Isa, _: &Path) -> Option<Executable> {
        None
    }

    /// As [`Executable::new`].
    pub fn load(plan: ValidPlan, isa: Isa, _: &Path) -> Executable {
        Self::new(plan, isa)
    }
}
