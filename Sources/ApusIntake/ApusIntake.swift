// ApusIntake
