"""Through the profile on a real Slurm of one node: the tables of a local build, also where a job is killed."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from tests.workflow.conftest import ROOT, Build

# What slurm.conf says: no accounting; `config_overrides`: a machine as large as the profile's jobs want.
CONFIGURATION = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
KillWait=2
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=64000
PartitionName=all Nodes=node Default=YES
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """The environment in which Slurm's commands, and so Snakemake, reach a Slurm that runs until the tests are done."""
    setup = subprocess.run(["sh", "workflow/setup.sh", "slurm"], cwd=ROOT, text=True, capture_output=True)
    if setup.returncode:
        pytest.skip(setup.stderr.strip().splitlines()[-1])
    folder = tmp_path_factory.mktemp("slurm")
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o600)
    controller_port, node_port = free_ports(2)
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            folder=folder, host=socket.gethostname(), controller_port=controller_port, node_port=node_port
        )
    )
    # Snakemake's job step drops SLURM_CONF: a site's Slurm needs none.
    (folder / "bin").mkdir()
    (folder / "bin/srun").write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    (folder / "bin/srun").chmod(0o755)
    env = {"SLURM_CONF": f"{folder}/slurm.conf", "PATH": f"{folder}/bin:{os.environ['PATH']}"}
    munge = ["munged", "--foreground", "--force"]
    munge += [f"--{kind}-file={folder}/munge.{kind}" for kind in ("key", "pid", "log", "seed")]
    daemons = []
    try:
        for command in ([*munge, f"--socket={folder}/munge.socket"], ["slurmctld", "-D"], ["slurmd", "-D"]):
            with open(folder / f"{command[0]}.out", "w") as out:
                daemons.append(subprocess.Popen(command, env=os.environ | env, stdout=out, stderr=out))
        wait_until(lambda: "idle" in slurm_command(env, "sinfo", "--noheader", "--format=%T"), folder)
        # What keeps a node from running jobs shows in the first one.
        wait_until(lambda: slurm_command(env, "srun", "--immediate=5", "echo", "runs") == "runs\n", folder)
        yield env
        slurm_command(env, "scancel", "--user=root")
        wait_until(lambda: not slurm_command(env, "squeue", "--noheader"), folder)
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=30)
            except subprocess.TimeoutExpired:
                daemon.kill()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def slurm_command(env, *command):
    return subprocess.run(command, env=os.environ | env, text=True, capture_output=True).stdout


def wait_until(condition, folder):
    """Up to a minute; then the tests are skipped, with what the daemons said."""
    for _ in range(60):
        if condition():
            return
        time.sleep(1)
    pytest.skip(
        "Slurm does not run here: " + "\n".join(f"{out.name}: {out.read_text()}" for out in folder.glob("*.out"))
    )


def through_slurm(build, slurm, *arguments):
    profile = build.checkout / "workflow/profiles/slurm"
    # The jobs are short: they are looked after sooner than at a user's.
    hurry = ["--slurm-init-seconds-before-status-checks", "10"]
    return build.snakemake("--profile", profile, *hurry, *arguments, env=slurm)


@pytest.mark.slow
def test_slurm_gives_the_tables_of_a_local_build(built, slurm, checkout, tmp_path):
    build = Build(checkout, tmp_path)
    (tmp_path / "data").mkdir()
    shutil.copy2(built.folder / "data/covid_xray.zip", tmp_path / "data")
    through_slurm(build, slurm, "tables/train/baseline_initial.csv", "tables/tune/baseline_best.csv")
    tables = {file.relative_to(tmp_path) for file in tmp_path.glob("tables/**/*.csv") if "cost" not in file.name}
    assert {table.parent.name for table in tables} == {"data", "tune", "train"}
    different = [
        table for table in sorted(tables) if (tmp_path / table).read_bytes() != (built.folder / table).read_bytes()
    ]
    assert different == []


@pytest.mark.slow
def test_a_job_that_is_cancelled_goes_on_from_its_backup_to_the_same_result(built, slurm, edit, tmp_path):
    edit("tests/workflow/tiny.yaml", "training: {epochs: 1,", "training: {epochs: 100,")
    table = "tables/train/baseline_initial.csv"
    left_alone, killed = (Build(built.checkout, tmp_path / name) for name in ("left_alone", "killed"))
    for build in (left_alone, killed):
        shutil.copytree(built.folder, build.folder)
    left_alone.snakemake(table, "--cores", "1")
    backup = killed.folder / "results/backups/train/baseline_initial.npz"
    with ThreadPoolExecutor() as pool:
        building = pool.submit(through_slurm, killed, slurm, table)
        while not backup.exists():
            assert not building.done(), building.result()
            time.sleep(0.1)
        slurm_command(slurm, "scancel", "--user=root")
        output = building.result()
    assert "CANCELLED" in output
    assert "goes on after epoch" in (killed.folder / "results/logs/train_initial_baseline.log").read_text()
    assert (killed.folder / table).read_bytes() == (left_alone.folder / table).read_bytes()


@pytest.mark.parametrize("profile", ["slurm", "generic"])
def test_rules_named_in_a_profile_exist(built, profile):
    """Snakemake is silent about other names: a rule that was renamed would ask for the default time."""
    named = yaml.safe_load((ROOT / f"workflow/profiles/{profile}/profile.yaml").read_text())["set-resources"]
    assert set(named) <= {job.split()[0] for job in built.graph()}
