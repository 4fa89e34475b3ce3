"""The three files of QM9 in exactly the form that qm9pack has, with a few molecules."""

from __future__ import annotations

from pathlib import Path

HEADER = (
    "XYZ_file,Index,SMILES,InChi,N_atoms,Stoichiometry,Elements,XYZ_Ang,Mulliken_pop,"
    "Harmonic_Freq_cmi,RotA_GHz,RotB_GHz,RotC_GHz,Dipole_debye,Polarizability_bohr3,HOMO_au,"
    "LUMO_au,HOMO_LUMO_gap_au,R2_bohr2,ZPVE_au,InternalEnergy_0K_au,InternalEnergy_298K_au,"
    "Enthalphy_298K_au,GibbsFreeEnergy_298K_au,Heatcapacity_Cv_cal_mol_K"
)
NAMES = ["mu", "alpha", "homo", "lumo", "gap", "r2", "zpve", "u0", "u298", "h298", "g298", "cv"]


def line(index: int) -> str:
    """A carbon with two to four hydrogens around it; target k of molecule n is n + k / 100."""
    atoms = ["C", "H", "H", "H", "H"][: 3 + index % 3]
    places = [f"[{i}.,{0.5 * i},{0.01 * index:.10f}]" for i in range(len(atoms))]
    elements = ",".join(f"'{atom}'" for atom in atoms)
    targets = [f"{index + k / 100:.4f}" for k in range(len(NAMES))]
    return ",".join(
        [f'"dsgdb9nsd_{index:06d}.xyz"', str(index), '"C"', '"InChI=1S/CH4/h1H4"', str(len(atoms)),
         '"[4,1,0,0,0]"', f'"[{elements}]"', f'"[{",".join(places)}]"', '"[-0.5,0.1]"',
         '"[1341.307]"', "157.7", "157.7", "157.7", *targets]
    )  # fmt: skip


def write_qm9(folder: Path, count: int = 60) -> Path:
    for part in range(3):
        lines = [line(i) for i in range(1 + part, count + 1, 3)]
        text = "\n".join([HEADER, *lines]) + "\n"
        (folder / f"qm9_part{part + 1}.csv").write_text(text)
    return folder
