"""What the reports cite."""

from __future__ import annotations

import re

from regraft.reports.document import Reference

WILSON = Reference(
    "wilson1927",
    "E. B. Wilson. Probable inference, the law of succession, and statistical inference. Journal of the American "
    "Statistical Association 22(158), 209–212, 1927.",
    "https://doi.org/10.1080/01621459.1927.10502953",
)
"""The score interval of a share."""

TRANSFER = Reference(
    "yosinski2014",
    "J. Yosinski, J. Clune, Y. Bengio, H. Lipson. How transferable are features in deep neural networks? Advances in "
    "Neural Information Processing Systems 27, 2014.",
    "https://arxiv.org/abs/1411.1792",
)
"""That features learnt for one task serve another."""

LECUN = Reference(
    "lecun1998",
    "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-based learning applied to document recognition. Proceedings "
    "of the IEEE 86(11), 2278–2324, 1998.",
    "https://doi.org/10.1109/5.726791",
)
"""The MNIST digits."""

ALPAYDIN = Reference(
    "alpaydin1998",
    "E. Alpaydin, C. Kaynak. Optical Recognition of Handwritten Digits. UCI Machine Learning Repository, 1998.",
    "https://doi.org/10.24432/C50P49",
)
"""The small digits; scikit-learn has their test part."""

# By the word that stands for it in `FinetuneSettings.label`.
RECIPES = {
    "adamw": Reference(
        "loshchilov2019",
        "I. Loshchilov, F. Hutter. Decoupled weight decay regularization. ICLR 2019.",
        "https://arxiv.org/abs/1711.05101",
    ),
    "cosine": Reference(
        "loshchilov2017",
        "I. Loshchilov, F. Hutter. SGDR: stochastic gradient descent with warm restarts. ICLR 2017.",
        "https://arxiv.org/abs/1608.03983",
    ),
    "times slower": Reference(
        "howard2018",
        "J. Howard, S. Ruder. Universal language model fine-tuning for text classification. ACL 2018.",
        "https://arxiv.org/abs/1801.06146",
    ),
    "L2-SP": Reference(
        "li2018",
        "X. Li, Y. Grandvalet, F. Davoine. Explicit inductive bias for transfer learning with convolutional networks. "
        "ICML 2018.",
        "https://arxiv.org/abs/1802.01483",
    ),
}
"""Where the parts of a recipe of fine-tuning come from."""

# By the start of the backbone's name, a pattern; the first that fits counts.
_PAPERS = {
    "AlexNet": Reference(
        "krizhevsky2014",
        "A. Krizhevsky. One weird trick for parallelizing convolutional neural networks. 2014.",
        "https://arxiv.org/abs/1404.5997",
    ),
    "ConvNeXt": Reference(
        "liu2022",
        "Z. Liu, H. Mao, C.-Y. Wu, C. Feichtenhofer, T. Darrell, S. Xie. A ConvNet for the 2020s. CVPR 2022.",
        "https://arxiv.org/abs/2201.03545",
    ),
    "DenseNet": Reference(
        "huang2017",
        "G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger. Densely connected convolutional networks. CVPR 2017.",
        "https://arxiv.org/abs/1608.06993",
    ),
    "EfficientNetV2": Reference(
        "tan2021",
        "M. Tan, Q. V. Le. EfficientNetV2: smaller models and faster training. ICML 2021.",
        "https://arxiv.org/abs/2104.00298",
    ),
    "EfficientNet": Reference(
        "tan2019",
        "M. Tan, Q. V. Le. EfficientNet: rethinking model scaling for convolutional neural networks. ICML 2019.",
        "https://arxiv.org/abs/1905.11946",
    ),
    "InceptionV3": Reference(
        "szegedy2016",
        "C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna. Rethinking the Inception architecture for computer "
        "vision. CVPR 2016.",
        "https://arxiv.org/abs/1512.00567",
    ),
    "InceptionResNet": Reference(
        "szegedy2017",
        "C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi. Inception-v4, Inception-ResNet and the impact of residual "
        "connections on learning. AAAI 2017.",
        "https://arxiv.org/abs/1602.07261",
    ),
    "MobileNetV2": Reference(
        "sandler2018",
        "M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen. MobileNetV2: inverted residuals and linear "
        "bottlenecks. CVPR 2018.",
        "https://arxiv.org/abs/1801.04381",
    ),
    "MobileNetV3": Reference(
        "howard2019",
        "A. Howard, M. Sandler, G. Chu, L.-C. Chen, B. Chen, M. Tan, and others. Searching for MobileNetV3. ICCV 2019.",
        "https://arxiv.org/abs/1905.02244",
    ),
    "MobileNet": Reference(
        "howard2017",
        "A. G. Howard, M. Zhu, B. Chen, D. Kalenichenko, W. Wang, T. Weyand, M. Andreetto, H. Adam. MobileNets: "
        "efficient convolutional neural networks for mobile vision applications. 2017.",
        "https://arxiv.org/abs/1704.04861",
    ),
    "NASNet": Reference(
        "zoph2018",
        "B. Zoph, V. Vasudevan, J. Shlens, Q. V. Le. Learning transferable architectures for scalable image "
        "recognition. CVPR 2018.",
        "https://arxiv.org/abs/1707.07012",
    ),
    "ResNet[0-9]+V2": Reference(
        "he2016b",
        "K. He, X. Zhang, S. Ren, J. Sun. Identity mappings in deep residual networks. ECCV 2016.",
        "https://arxiv.org/abs/1603.05027",
    ),
    "ResNet": Reference(
        "he2016",
        "K. He, X. Zhang, S. Ren, J. Sun. Deep residual learning for image recognition. CVPR 2016.",
        "https://arxiv.org/abs/1512.03385",
    ),
    "VGG": Reference(
        "simonyan2015",
        "K. Simonyan, A. Zisserman. Very deep convolutional networks for large-scale image recognition. ICLR 2015.",
        "https://arxiv.org/abs/1409.1556",
    ),
    "Xception": Reference(
        "chollet2017",
        "F. Chollet. Xception: deep learning with depthwise separable convolutions. CVPR 2017.",
        "https://arxiv.org/abs/1610.02357",
    ),
}


def backbone_paper(name: str) -> Reference | None:
    """The paper a backbone's design comes from, such as `MobileNetV2-0.35@320`; None for one that is not listed."""
    return next((paper for start, paper in _PAPERS.items() if re.match(start, name)), None)
