import pytest
from regraft.runs import pipeline
pytestmark = pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("ft",[None,{"blocks":1},{"last":1},{"last":2}])
def test_x(small_config, tmp_path, ft):
    head={"hidden":[5],"dropout":[0.2],"learning_rate":[0.05]}
    one=pipeline.train(small_config(head=head), tmp_path/"one")
    s={"finetune":ft} if ft else {}
    two=pipeline.train(small_config(head=head, backbone={"name":str(one.path)},**s), tmp_path/"two")
    print(two.metrics()["finetune"] if ft else "", two.metrics()["model"])
