import torch
from torch import nn

from dcgan_lightning.networks.transfer import transfer


def test_a_layer_takes_all_of_its_tensors_or_none_and_says_why() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1), nn.BatchNorm1d(1))
    before = network[1].weight.clone()
    given = {name: torch.ones_like(value) for name, value in network.state_dict().items()}
    given["1.weight"] = given["1.weight"].half()
    given["2.running_mean"] = torch.zeros(4)
    del given["2.num_batches_tracked"]
    done = transfer(network, given)
    assert (done.loaded, done.kept) == (["0"], ["1", "2"])
    assert done.misfits == [
        "1.weight (1 x 3, float16, here 1 x 3)",
        "2.running_mean (4, here 1)",
        "2.num_batches_tracked (missing, here a number, int64)",
    ]
    assert bool((network[0].weight == 1).all())
    assert torch.equal(network[1].weight, before)
