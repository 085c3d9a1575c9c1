import threading

from regraft.images._locking import locked


def test_one_at_a_time_and_nothing_is_left(tmp_path):
    # Each thread opens the lock for itself, which to the system is what another process does.
    inside, most = [], []

    def work(index):
        for _ in range(20):
            with locked(tmp_path / "new" / "file", "the file"):
                inside.append(index)
                most.append(len(inside))
                inside.remove(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 80
    assert list((tmp_path / "new").iterdir()) == []


def test_a_lock_file_left_by_a_killed_process_holds_nobody_up(tmp_path, capsys):
    (tmp_path / "file.lock").touch()
    with locked(tmp_path / "file", "the file"):
        assert (tmp_path / "file.lock").exists()
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == ""
